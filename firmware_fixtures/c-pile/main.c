/*
 * The command line and the loop.
 *
 * Owns arguments, signals and waiting. Must not know what the pile does with its time.
 */
#define _POSIX_C_SOURCE 200809L
#include "pile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: c-pile LINE --number DIGITS20 [--guns N] [--control SOCKET]\n"
    "       c-pile --tell SOCKET ACT GUN [KEY=VALUE ...]\n"
    "LINE is a tty (/dev/pts/5) or tcp:HOST:PORT; GUN is - where the act concerns the whole pile.\n";

struct options {
    struct line line;
    const char *number;
    int gun_count;
    const char *control;
};

static int wakeup_pipe[2];

static void end(int signal_number)
{
    const char byte = (char)signal_number;
    const int error = errno;
    if (write(wakeup_pipe[1], &byte, 1) < 0)
        _exit(1);
    errno = error;
}

static bool usage_error(const char *where, const char *expected, const char *found)
{
    fprintf(stderr, "c-pile: %s: expected %s, found %s\n%s", where, expected, found, USAGE);
    return false;
}

static bool read_options(struct options *options, int count, char **words)
{
    *options = (struct options){.gun_count = GUNS_MOST};
    if (count < 2 || !line_name(&options->line, words[1]))
        return usage_error("LINE", "/dev/... or tcp:HOST:PORT", count < 2 ? "nothing" : words[1]);
    for (int i = 2; i < count; i += 2) {
        const char *value = i + 1 < count ? words[i + 1] : "";
        if (strcmp(words[i], "--number") == 0)
            options->number = value;
        else if (strcmp(words[i], "--guns") == 0)
            options->gun_count = atoi(value);
        else if (strcmp(words[i], "--control") == 0)
            options->control = value;
        else
            return usage_error("option", "--number, --guns or --control", words[i]);
    }
    if (options->gun_count < 1 || options->gun_count > GUNS_MOST)
        return usage_error("--guns", "1 or 2", "another number");
    if (options->number == NULL || strlen(options->number) != NUMBER_SIZE
        || strspn(options->number, "0123456789") != NUMBER_SIZE)
        return usage_error("--number", "20 digits", options->number == NULL ? "nothing" : options->number);
    return true;
}

/* Waits until there is something to do, and says what the line has for us. */
static short wait_for_work(const struct pile *pile, const struct acts *acts, bool *ended)
{
    struct pollfd polls[2 + 1 + ACT_CLIENTS];
    const int64_t wakeup_ms = pile_next_wakeup_ms(pile);
    const int timeout_ms = wakeup_ms == INT64_MAX ? -1 : outside_ms(wakeup_ms - monotonic_ms());
    polls[0] = (struct pollfd){.fd = wakeup_pipe[0], .events = POLLIN};
    polls[1] = (struct pollfd){
        .fd = pile->cabinet.uplink.line.fd, /* -1, which poll() passes over, while it is closed */
        .events = line_events(&pile->cabinet.uplink.line),
    };
    const int count = 2 + acts_poll(acts, polls + 2);
    if (poll(polls, (nfds_t)count, timeout_ms) <= 0)
        return 0;
    *ended = polls[0].revents != 0;
    return polls[1].revents;
}

static void run(struct pile *pile, struct acts *acts)
{
    bool ended = false;
    while (!ended) {
        const short events = wait_for_work(pile, acts, &ended);
        struct act act;
        int client;
        const int64_t now_ms = monotonic_ms();
        line_ready(&pile->cabinet.uplink.line, events, now_ms);
        pile_advance(pile, now_ms);
        if (events != 0)
            pile_read(pile);
        while (acts_next(acts, &act, &client)) {
            pile_act(pile, &act);
            acts_answer(acts, client, &act);
        }
    }
}

int main(int count, char **words)
{
    static struct pile pile;
    struct options options;
    struct acts acts;
    signal(SIGPIPE, SIG_IGN);
    if (count >= 2 && strcmp(words[1], "--tell") == 0) {
        if (count >= 5)
            return acts_tell(words[2], count - 3, words + 3);
        usage_error("--tell", "SOCKET ACT GUN", "fewer words");
        return 2;
    }
    if (!read_options(&options, count, words))
        return 2;
    if (!options.line.tcp && access(options.line.path, R_OK | W_OK) != 0) {
        fprintf(stderr, "c-pile: expected a tty at %s, found none: %s\n", options.line.path, strerror(errno));
        return 3;
    }
    if (pipe(wakeup_pipe) != 0 || !acts_open(&acts, options.control))
        return 3;
    const struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    monotonic_ms();
    pile_init(&pile, options.gun_count, options.number, &options.line);
    run(&pile, &acts);
    acts_close(&acts, options.control);
    return 0;
}
