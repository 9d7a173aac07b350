#define _GNU_SOURCE
#include "gatehouse_terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int gatehouse_open_terminal(unsigned short columns, unsigned short rows, int *controller, int *terminal) {
    int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ours < 0) return errno;
    char name[128];
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    int theirs = -1, error = 0;
    if (grantpt(ours) != 0 || unlockpt(ours) != 0) error = errno;
    else if ((error = ptsname_r(ours, name, sizeof name)) == 0) {
        theirs = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (theirs < 0 || ioctl(theirs, TIOCSWINSZ, &size) != 0) error = errno;
    }
    if (error != 0) {
        if (theirs >= 0) close(theirs);
        close(ours);
        return error;
    }
    *controller = ours;
    *terminal = theirs;
    return 0;
}
