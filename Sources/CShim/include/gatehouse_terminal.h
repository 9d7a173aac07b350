/* Terminals for programs that want one. */
#pragma once

/* Opens a new terminal of a size; both ends are closed on exec and belong to no session. Answers 0 or an errno. */
int gatehouse_open_terminal(unsigned short columns, unsigned short rows, int *controller, int *terminal);
