/*
 * The line: a tty or a TCP connection that the pile dials.
 *
 * Owns the file descriptor, what waits to be written, and dialling again after a loss. Must not know frames.
 */
#ifndef LINE_H
#define LINE_H

#include "bytes.h"

enum { LINE_BACKLOG = 16384, LINE_NAME_MOST = 256 };

enum line_state { LINE_CLOSED, LINE_DIALLING, LINE_OPEN };

struct line {
    bool tcp;
    char path[LINE_NAME_MOST]; /* of the tty, or the host */
    char port[16];
    enum line_state state;
    int fd; /* -1 while closed */
    int64_t next_try_ms;
    int64_t dial_until_ms;
    uint8_t waiting[LINE_BACKLOG];
    size_t waiting_size;
};

/* Takes a tty's path or tcp:HOST:PORT; false where it is neither. Opens nothing yet. */
bool line_name(struct line *line, const char *name);

/* Opens a closed line when its time has come, gives a dialling one up when its time is over. */
void line_advance(struct line *line, int64_t now_ms);

/* When line_advance has something to do next; INT64_MAX for never. */
int64_t line_next_wakeup_ms(const struct line *line);

/* The poll() events that the line waits for. */
short line_events(const struct line *line);

/* Completes a dialling and writes what waits, after poll() has said `events`. */
void line_ready(struct line *line, short events, int64_t now_ms);

/* Reads what has come, at most `room` bytes; 0 where nothing has, or where the line was lost (and is closed now). */
size_t line_read(struct line *line, uint8_t *bytes, size_t room, int64_t now_ms);

/* Sends all of it or, where the line is not open or its backlog is full, nothing. */
void line_write(struct line *line, const uint8_t *bytes, size_t size, int64_t now_ms);

void line_close(struct line *line, int64_t now_ms);

#endif
