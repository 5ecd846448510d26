/* A tty or a socket, never blocking; see line.h. */
#define _POSIX_C_SOURCE 200809L
#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum { REDIAL_MS = 3000, DIAL_MS = 10000 };

bool line_name(struct line *line, const char *name)
{
    *line = (struct line){.fd = -1, .state = LINE_CLOSED};
    line->tcp = strncmp(name, "tcp:", 4) == 0;
    if (!line->tcp)
        return name[0] == '/' && snprintf(line->path, sizeof line->path, "%s", name) < (int)sizeof line->path;
    const char *host = name + 4;
    const char *colon = strrchr(host, ':');
    if (colon == NULL || colon == host || colon[1] == '\0')
        return false;
    const int host_size = (int)(colon - host);
    return snprintf(line->path, sizeof line->path, "%.*s", host_size, host) < (int)sizeof line->path
        && snprintf(line->port, sizeof line->port, "%s", colon + 1) < (int)sizeof line->port;
}

void line_close(struct line *line, int64_t now_ms)
{
    if (line->fd >= 0)
        close(line->fd);
    line->fd = -1;
    line->state = LINE_CLOSED;
    line->waiting_size = 0;
    line->next_try_ms = now_ms + REDIAL_MS;
}

/* The line was lost by no doing of ours. A pseudo-terminal that is gone is not asked for again: whatever has its
 * number later is somebody else's. */
static void lose(struct line *line, int64_t now_ms)
{
    line_close(line, now_ms);
    if (!line->tcp && strncmp(line->path, "/dev/pts/", 9) == 0)
        line->next_try_ms = INT64_MAX;
}

static int open_tty(const char *path)
{
    struct termios raw;
    const int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (tcgetattr(fd, &raw) != 0) {
        close(fd);
        return -1;
    }
    /* Raw: no byte is taken for a control character, none is echoed, no flow control. */
    raw.c_iflag = 0;
    raw.c_oflag = 0;
    raw.c_lflag = 0;
    raw.c_cflag = CS8 | CREAD | CLOCAL;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    cfsetispeed(&raw, B115200);
    cfsetospeed(&raw, B115200);
    tcsetattr(fd, TCSANOW, &raw);
    return fd;
}

static int dial(const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    const int on = 1;
    int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (fd >= 0) {
        fcntl(fd, F_SETFL, O_NONBLOCK);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

void line_advance(struct line *line, int64_t now_ms)
{
    if (line->state == LINE_DIALLING && now_ms >= line->dial_until_ms)
        line_close(line, now_ms);
    if (line->state != LINE_CLOSED || now_ms < line->next_try_ms)
        return;
    line->fd = line->tcp ? dial(line->path, line->port) : open_tty(line->path);
    line->next_try_ms = now_ms + REDIAL_MS;
    line->dial_until_ms = now_ms + DIAL_MS;
    if (line->fd >= 0)
        line->state = line->tcp ? LINE_DIALLING : LINE_OPEN;
}

int64_t line_next_wakeup_ms(const struct line *line)
{
    if (line->state == LINE_OPEN)
        return INT64_MAX;
    return line->state == LINE_DIALLING ? line->dial_until_ms : line->next_try_ms;
}

short line_events(const struct line *line)
{
    if (line->state == LINE_DIALLING)
        return POLLOUT;
    return (short)(POLLIN | (line->waiting_size > 0 ? POLLOUT : 0));
}

static void write_waiting(struct line *line, int64_t now_ms)
{
    const ssize_t written = write(line->fd, line->waiting, line->waiting_size);
    if (written < 0) {
        if (errno != EAGAIN && errno != EINTR)
            lose(line, now_ms);
        return;
    }
    line->waiting_size -= (size_t)written;
    memmove(line->waiting, line->waiting + written, line->waiting_size);
}

void line_ready(struct line *line, short events, int64_t now_ms)
{
    if (line->state == LINE_DIALLING && events != 0) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
            line_close(line, now_ms);
        else
            line->state = LINE_OPEN;
        return;
    }
    if (line->state == LINE_OPEN && (events & POLLOUT) != 0 && line->waiting_size > 0)
        write_waiting(line, now_ms);
}

size_t line_read(struct line *line, uint8_t *bytes, size_t room, int64_t now_ms)
{
    if (line->state != LINE_OPEN || room == 0)
        return 0;
    const ssize_t size = read(line->fd, bytes, room);
    if (size > 0)
        return (size_t)size;
    if (size == 0 || (errno != EAGAIN && errno != EINTR))
        lose(line, now_ms);
    return 0;
}

void line_write(struct line *line, const uint8_t *bytes, size_t size, int64_t now_ms)
{
    if (line->state != LINE_OPEN)
        return;
    if (size > sizeof line->waiting - line->waiting_size) {
        /* A socket that has taken nothing for so long is dead; a tty is merely silent, and what is said on it is
         * said again: heartbeats by their period, bills until they are acknowledged. */
        fprintf(stderr, "c-pile: %d bytes wait to be written to %s, no more than that\n", LINE_BACKLOG, line->path);
        if (line->tcp)
            line_close(line, now_ms);
        return;
    }
    memcpy(line->waiting + line->waiting_size, bytes, size);
    line->waiting_size += size;
    write_waiting(line, now_ms);
}
