"""The formulary: facts about drugs and who says so; never an opinion about a patient."""
