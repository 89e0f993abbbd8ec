"""The only writers: one public function for each thing that somebody can do."""
