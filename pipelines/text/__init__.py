"""What is done with texts, whoever they are from; one file per thing."""
