"""From potentials and labelled configurations to the plain records that a report shows."""
