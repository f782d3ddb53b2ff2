"""Every query of the service, one repository for each kind of row."""
