"""DomIQ-ResMan sync: keeps the status of every lead in step between DomIQ and ResMan."""
