"""Training: the driver of a study, its trials, and the problems that they train on."""
