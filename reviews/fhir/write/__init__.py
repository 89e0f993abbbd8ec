"""What a client writes by FHIR: read strictly, checked, patched and put in order."""
