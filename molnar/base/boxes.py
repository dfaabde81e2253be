"""How a box of a plan is told to the cells in it, for who paints a map and who reads one."""

BOX = 9  # numbers per cell that describe a box, the last ones of a map
ACROSS, DOWN = 2, 3  # of those: a cell's place in the box, -1 to 1
LOUD_BOX = 4.0  # factor of all of them
