/* The socket and the words; see acts.h. */
#define _POSIX_C_SOURCE 200809L
#include "acts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool address_of(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) {
        fprintf(stderr, "c-pile: expected a socket's path below %zu bytes, found %s\n", sizeof address->sun_path, path);
        return false;
    }
    memcpy(address->sun_path, path, strlen(path));
    return true;
}

static int connect_to(const struct sockaddr_un *address)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool acts_open(struct acts *acts, const char *path)
{
    struct sockaddr_un address;
    acts->listener = -1;
    for (int i = 0; i < ACT_CLIENTS; i++)
        acts->clients[i].fd = -1;
    if (path == NULL)
        return true;
    if (!address_of(path, &address))
        return false;
    const int other = connect_to(&address);
    if (other >= 0) {
        close(other);
        fprintf(stderr, "c-pile: expected no other pile at %s, found one that listens\n", path);
        return false;
    }
    unlink(path); /* what a pile that was killed has left */
    acts->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (acts->listener < 0 || bind(acts->listener, (const struct sockaddr *)&address, sizeof address) != 0
        || listen(acts->listener, ACT_CLIENTS) != 0) {
        fprintf(stderr, "c-pile: cannot listen at %s: %s\n", path, strerror(errno));
        return false;
    }
    fcntl(acts->listener, F_SETFL, O_NONBLOCK);
    return true;
}

void acts_close(struct acts *acts, const char *path)
{
    if (acts->listener < 0)
        return;
    close(acts->listener);
    unlink(path);
}

int acts_poll(const struct acts *acts, struct pollfd *polls)
{
    int count = 0;
    if (acts->listener >= 0)
        polls[count++] = (struct pollfd){.fd = acts->listener, .events = POLLIN};
    for (int i = 0; i < ACT_CLIENTS; i++)
        if (acts->clients[i].fd >= 0)
            polls[count++] = (struct pollfd){.fd = acts->clients[i].fd, .events = POLLIN};
    return count;
}

static void let_go(struct acts *acts, int client)
{
    close(acts->clients[client].fd);
    acts->clients[client].fd = -1;
}

static void accept_all(struct acts *acts)
{
    for (int i = 0; i < ACT_CLIENTS && acts->listener >= 0; i++) {
        if (acts->clients[i].fd >= 0)
            continue; /* those for whom there is no place wait in the listener's queue */
        acts->clients[i].fd = accept(acts->listener, NULL, NULL);
        acts->clients[i].size = 0;
        if (acts->clients[i].fd < 0)
            return;
        fcntl(acts->clients[i].fd, F_SETFL, O_NONBLOCK);
    }
}

bool acts_next(struct acts *acts, struct act *act, int *client)
{
    accept_all(acts);
    for (int i = 0; i < ACT_CLIENTS; i++) {
        char *line = acts->clients[i].line;
        size_t *size = &acts->clients[i].size;
        if (acts->clients[i].fd < 0)
            continue;
        const ssize_t read_size = read(acts->clients[i].fd, line + *size, ACT_SIZE - *size);
        if (read_size > 0)
            *size += (size_t)read_size;
        const char *newline = memchr(line, '\n', *size);
        if (newline != NULL) {
            memset(act, 0, sizeof *act);
            memcpy(act->line, line, (size_t)(newline - line));
            act_split(act);
            *client = i;
            return true;
        }
        if (read_size == 0 || *size == ACT_SIZE || (read_size < 0 && errno != EAGAIN && errno != EINTR))
            let_go(acts, i); /* gone, or too long for an act */
    }
    return false;
}

void acts_answer(struct acts *acts, int client, const struct act *act)
{
    char answer[ACT_SIZE + 2];
    const int size = snprintf(answer, sizeof answer, "%s\n", act->refusal[0] == '\0' ? "done" : act->refusal);
    if (write(acts->clients[client].fd, answer, (size_t)size) < 0)
        fprintf(stderr, "c-pile: nobody waits for the answer to `%s`\n", act->words[0]);
    let_go(acts, client);
}

bool act_refuse(struct act *act, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(act->refusal, sizeof act->refusal, format, arguments);
    va_end(arguments);
    return false;
}

void act_split(struct act *act)
{
    char *rest = NULL;
    for (char *word = strtok_r(act->line, " \t\r\n", &rest); word != NULL; word = strtok_r(NULL, " \t\r\n", &rest)) {
        if (act->word_count == ACT_WORDS) {
            act_refuse(act, "expected at most %d words, found more", ACT_WORDS);
            return;
        }
        act->words[act->word_count++] = word;
    }
}

const char *act_text(const struct act *act, const char *key)
{
    const size_t size = strlen(key);
    for (int i = 2; i < act->word_count; i++)
        if (strncmp(act->words[i], key, size) == 0 && act->words[i][size] == '=')
            return act->words[i] + size + 1;
    return NULL;
}

int64_t act_number(struct act *act, const char *key, int64_t fallback, int64_t least, int64_t most)
{
    const char *text = act_text(act, key);
    char *rest = NULL;
    if (text == NULL)
        return fallback;
    const long long number = strtoll(text, &rest, 10);
    if (*text == '\0' || *rest != '\0' || number < least || number > most)
        act_refuse(act, "%s: expected a number from %lld to %lld, found %s", key, (long long)least, (long long)most,
            text);
    return number;
}

bool act_flag(struct act *act, const char *key, bool fallback)
{
    const char *text = act_text(act, key);
    if (text == NULL)
        return fallback;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        act_refuse(act, "%s: expected true or false, found %s", key, text);
    return strcmp(text, "true") == 0;
}

int acts_tell(const char *path, int word_count, char **words)
{
    struct sockaddr_un address;
    char line[ACT_SIZE] = "";
    size_t size = 0;
    if (!address_of(path, &address))
        return 1;
    for (int i = 0; i < word_count; i++) {
        size += (size_t)snprintf(line + size, sizeof line - size, "%s ", words[i]);
        if (size >= sizeof line - 1) {
            fprintf(stderr, "c-pile: expected an act of less than %d bytes, found more\n", ACT_SIZE);
            return 1;
        }
    }
    line[size - 1] = '\n';
    const int fd = connect_to(&address);
    if (fd < 0) {
        fprintf(stderr, "c-pile: expected a pile at %s, found none: %s\n", path, strerror(errno));
        return 1;
    }
    char answer[ACT_SIZE + 2] = "";
    size_t answered = 0;
    ssize_t part = write(fd, line, size);
    while (part > 0 && answered < sizeof answer - 1) {
        part = read(fd, answer + answered, sizeof answer - 1 - answered);
        if (part > 0)
            answered += (size_t)part;
    }
    close(fd);
    if (strcmp(answer, "done\n") == 0)
        return 0;
    fprintf(stderr, "c-pile: %s", answered > 0 ? answer : "the pile hung up without an answer\n");
    return 1;
}
