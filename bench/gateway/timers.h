/* What two small event loops share: time, a heap of what is due when, sockets. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;
}

static void fail(const char *what) {
    perror(what);
    exit(2);
}

static void *grown(void *old, size_t size) {
    void *grown = realloc(old, size);
    if (!grown) fail("memory");
    return grown;
}

/* A binary heap, the earliest first. What is due may be gone by then: whoever is told looks. */
struct due {
    uint64_t at;
    int fd;
    unsigned turn;
};
static struct due *heap;
static size_t heap_size, heap_room;

static void due_add(uint64_t at, int fd, unsigned turn) {
    if (heap_size == heap_room) heap = grown(heap, (heap_room = heap_room * 2 + 64) * sizeof *heap);
    size_t place = heap_size++;
    for (; place && heap[(place - 1) / 2].at > at; place = (place - 1) / 2) heap[place] = heap[(place - 1) / 2];
    heap[place] = (struct due){at, fd, turn};
}

static struct due due_take(void) {
    struct due first = heap[0], last = heap[--heap_size];
    size_t place = 0;
    for (size_t child; (child = place * 2 + 1) < heap_size; place = child) {
        if (child + 1 < heap_size && heap[child + 1].at < heap[child].at) child++;
        if (heap[child].at >= last.at) break;
        heap[place] = heap[child];
    }
    heap[place] = last;
    return first;
}

/* Milliseconds until something is due, rounded up; at most a second. */
static int due_wait(void) {
    if (!heap_size) return 1000;
    uint64_t now = now_us();
    if (heap[0].at <= now) return 0;
    uint64_t wait = (heap[0].at - now + 999) / 1000;
    return wait > 1000 ? 1000 : (int)wait;
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void prepare(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void watch(int epoll, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}
