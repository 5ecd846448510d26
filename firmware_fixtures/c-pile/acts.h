/*
 * Acts: what people and things do to the pile, told over a Unix-domain socket.
 *
 * Owns the socket, the words of an act and its answer, and the client that tells one. Must not know what an act does.
 * One line in (`plug 1 soc_permille=350`), one line out (`done`, or a sentence that says what was refused and why).
 */
#ifndef ACTS_H
#define ACTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACT_SIZE = 512, ACT_WORDS = 16, ACT_CLIENTS = 8 };

struct act {
    char line[ACT_SIZE]; /* its words, each ended by a NUL */
    const char *words[ACT_WORDS];
    int word_count;
    char refusal[ACT_SIZE]; /* empty while nothing is refused */
};

struct acts {
    int listener;
    struct {
        int fd; /* -1 where nobody is */
        char line[ACT_SIZE];
        size_t size;
    } clients[ACT_CLIENTS];
};

/* Listens at a path; false, with a sentence on stderr, where that cannot be. */
bool acts_open(struct acts *acts, const char *path);

void acts_close(struct acts *acts, const char *path);

/* Fills in what to wait for, at most 1 + ACT_CLIENTS, and returns how many. */
int acts_poll(const struct acts *acts, struct pollfd *polls);

/* The next act that has come whole, with the client to be answered; false when there is none. */
bool acts_next(struct acts *acts, struct act *act, int *client);

/* Tells the client that the act is done or was refused, and lets it go. */
void acts_answer(struct acts *acts, int client, const struct act *act);

/* Notes why an act is refused, and returns false. */
bool act_refuse(struct act *act, const char *format, ...);

/* Splits the line into words. */
void act_split(struct act *act);

/* The text after KEY=, NULL where the act does not say. */
const char *act_text(const struct act *act, const char *key);

/* The number after KEY=, or `fallback`; refuses what is no number from `least` to `most`. */
int64_t act_number(struct act *act, const char *key, int64_t fallback, int64_t least, int64_t most);

/* The true or false after KEY=, or `fallback`; refuses anything else. */
bool act_flag(struct act *act, const char *key, bool fallback);

/* Tells a pile one act; returns the exit code: 0 done, 1 refused or nobody there. */
int acts_tell(const char *path, int word_count, char **words);

#endif
