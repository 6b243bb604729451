// Queues of TCP sockets on one local port: lengths of those of listening sockets, and how long connections and bytes wait
// in them. The kernel has no place to look at where a queue is full, so listening sockets are read again and again by an
// iterator, and count what they had to drop.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "kernel_types.h"
#include "open_files.h"
#include "watch.h"

char LICENSE[] SEC("license") = "GPL";

#define INET 2 /* include/linux/socket.h */
#define INET6 10
#define PROTOCOL_TCP 6
#define STATE_ESTABLISHED 1 /* include/net/tcp_states.h */
#define STATE_CLOSE 7
#define STATE_LISTEN 10
#define FLAG_PEEK 2        /* include/linux/socket.h, MSG_PEEK */
#define CALL_ACCEPT 43     /* arch/x86/entry/syscalls/syscall_64.tbl */
#define CALL_ACCEPT4 288

/* Of sockets, see kernel_types.h. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
/* include/net/sock.h */
struct sock_common {
  unsigned short skc_family;
  volatile unsigned char skc_state;
  __u16 skc_num;
};
struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
  __u32 sk_ack_backlog;
  __u32 sk_max_ack_backlog;
  atomic_t sk_drops;
};
/* include/net/request_sock.h */
struct request_sock_queue {
  atomic_t qlen;
};
/* include/net/inet_connection_sock.h */
struct inet_sock {
  struct sock sk;
};
struct inet_connection_sock {
  struct request_sock_queue icsk_accept_queue;
};
/* include/linux/tcp.h */
struct tcp_sock {
  __u32 copied_seq;
  __u32 rcv_nxt;
};
/* include/linux/net.h */
struct socket {
  struct sock *sk;
};
/* include/linux/bpf.h, net/ipv4/tcp_ipv4.c */
struct seq_file {};
struct bpf_iter_meta {
  struct seq_file *seq;
};
struct bpf_iter__tcp {
  struct bpf_iter_meta *meta;
  struct sock_common *sk_common;
};
#pragma clang attribute pop

const volatile __u16 port = 0;

__u64 dropped_samples;
__u64 not_kept; /* connections for which there was no room */

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 << 20);
} samples SEC(".maps");

/* By socket: since when something waits in it. */
struct waiting {
  __u64 since; /* the first byte, or the connection itself */
  __u64 last;  /* when the latest byte came */
};
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, __u64);
  __type(value, struct waiting);
} waits SEC(".maps");

static __always_inline bool is_wanted(const struct sock *sk) {
  __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  return (family == INET || family == INET6) && BPF_CORE_READ(sk, __sk_common.skc_num) == port &&
         BPF_CORE_READ(sk, sk_protocol) == PROTOCOL_TCP;
}

static __always_inline void send(__u32 kind, __u32 syn_length, __u64 value) {
  struct inquest_queue_sample *sample = bpf_ringbuf_reserve(&samples, sizeof *sample, 0);
  if (!sample) {
    __sync_fetch_and_add(&dropped_samples, 1);
    return;
  }
  sample->kind = kind;
  sample->syn_length = syn_length;
  sample->value = value;
  bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
}

static __always_inline struct inquest_listener listener_of(const struct sock *sk) {
  struct inquest_listener listener = {.socket = (__u64)sk};
  listener.accept_length = BPF_CORE_READ(sk, sk_ack_backlog);
  listener.accept_limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
  listener.syn_length = BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_accept_queue.qlen.counter);
  listener.dropped = BPF_CORE_READ(sk, sk_drops.counter);
  return listener;
}

SEC("iter/tcp")
int list_listeners(struct bpf_iter__tcp *context) {
  const struct sock *sk = (const struct sock *)context->sk_common;
  if (!sk || BPF_CORE_READ(sk, __sk_common.skc_state) != STATE_LISTEN || !is_wanted(sk)) return 0;
  struct inquest_listener listener = listener_of(sk);
  bpf_seq_write(context->meta->seq, &listener, sizeof listener);
  return 0;
}

/* A listening socket has a connection to be accepted, which is counted in its queue already. */
SEC("tp_btf/sk_data_ready")
int BPF_PROG(on_connection, const struct sock *sk) {
  if (BPF_CORE_READ(sk, __sk_common.skc_state) != STATE_LISTEN || !is_wanted(sk)) return 0;
  struct inquest_listener listener = listener_of(sk);
  send(INQUEST_QUEUE_LENGTHS, listener.syn_length, listener.accept_length);
  return 0;
}

static __always_inline void keep(const struct sock *sk, __u64 now) {
  __u64 key = (__u64)sk;
  struct waiting waiting = {.since = now, .last = now};
  if (bpf_map_update_elem(&waits, &key, &waiting, BPF_ANY)) __sync_fetch_and_add(&not_kept, 1);
}

/* The handshake ends: the connection is in the queue. Connections that the machine makes itself have come from
 * SYN_SENT, those that it takes from SYN_RECV. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, const struct sock *sk, int from, int to) {
  __u64 key = (__u64)sk;
  if (to == STATE_CLOSE) bpf_map_delete_elem(&waits, &key);
  if (to == STATE_ESTABLISHED && from == 3 /* SYN_RECV */ && is_wanted(sk)) keep(sk, bpf_ktime_get_ns());
  return 0;
}

/* The end of accept(2): its result is the descriptor of the connection. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_accepted, struct pt_regs *registers, long result) {
  unsigned long call = BPF_CORE_READ(registers, orig_ax);
  if ((call != CALL_ACCEPT && call != CALL_ACCEPT4) || result < 0) return 0;
  struct file *file = file_of(result);
  if (!file) return 0;
  struct socket *socket = BPF_CORE_READ(file, private_data);
  __u64 key = (__u64)BPF_CORE_READ(socket, sk);
  struct waiting *waiting = bpf_map_lookup_elem(&waits, &key);
  if (!waiting) return 0;
  __u64 now = bpf_ktime_get_ns();
  send(INQUEST_LATENCY, 0, now - waiting->since);
  bpf_map_delete_elem(&waits, &key);
  return 0;
}

static __always_inline bool has_bytes(const struct sock *sk) {
  const struct tcp_sock *tcp = (const struct tcp_sock *)sk;
  return BPF_CORE_READ(tcp, rcv_nxt) != BPF_CORE_READ(tcp, copied_seq);
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(on_bytes, const struct sock *sk) {
  unsigned char state = BPF_CORE_READ(sk, __sk_common.skc_state);
  if (state == STATE_LISTEN || !is_wanted(sk) || !has_bytes(sk)) return 0;
  __u64 key = (__u64)sk, now = bpf_ktime_get_ns();
  struct waiting *waiting = bpf_map_lookup_elem(&waits, &key);
  if (waiting) {
    waiting->last = now;
  } else {
    keep(sk, now);
  }
  return 0;
}

/* Of bytes that are left over it is known only that they came no later than the latest. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_read, struct sock *sk, int result, int flags) {
  if (result < 0 || (flags & FLAG_PEEK) || !is_wanted(sk)) return 0;
  __u64 key = (__u64)sk;
  struct waiting *waiting = bpf_map_lookup_elem(&waits, &key);
  if (!waiting) return 0;
  __u64 now = bpf_ktime_get_ns();
  if (result > 0) send(INQUEST_LATENCY, 0, now - waiting->since);
  if (result > 0 && has_bytes(sk)) {
    waiting->since = waiting->last;
  } else {
    bpf_map_delete_elem(&waits, &key);
  }
  return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_close, const struct sock *sk, int from, int to) {
  __u64 key = (__u64)sk;
  if (to == STATE_CLOSE) bpf_map_delete_elem(&waits, &key);
  return 0;
}
