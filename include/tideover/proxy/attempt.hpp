// One conversation with one upstream: connect or reuse, send, read the head, read as much of the answer as is asked
// for. Not a judge: it reports what happened; proxy/exchange decides what it means and who is next.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tideover/adapt/chunked.hpp"
#include "tideover/adapt/framing.hpp"
#include "tideover/adapt/header_rules.hpp"
#include "tideover/core/cloud_pass.hpp"
#include "tideover/core/failure.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/net/stream.hpp"
#include "tideover/net/task.hpp"
#include "tideover/proxy/byte_buffer.hpp"
#include "tideover/proxy/worker.hpp"

namespace tideover::proxy {

/// How a step of an attempt ended.
enum class attempt_end : std::uint8_t {
  done,         // the step's purpose is reached
  failed,       // the upstream failed: see problem()
  late,         // wait_for_more: time is up, and nothing has changed
  client_gone,  // the caller left; nobody's failure
  stopped,      // the worker is being shut down
};

/// What is sent: views that the exchange keeps alive until the head of the answer is there.
struct outgoing_request {
  const request_head* original = nullptr;
  adapt::upstream_request head;
  std::string_view body;      // complete; empty for none or when the body is streamed by the exchange
  bool body_follows = false;  // the exchange streams the body itself after open_for_body()
  bool may_repeat = false;    // a reused connection that dies without a byte is replaced once by a fresh one
};

class attempt {
 public:
  /// `under`: the exchange's, which holds it. `pass`: what it may do outside the house (policy/reach).
  attempt(worker& home, worker_generation& under, net::stream& caller, std::size_t upstream,
          std::optional<cloud_pass> pass);
  ~attempt();
  attempt(const attempt&) = delete;
  attempt& operator=(const attempt&) = delete;

  /// Another URL of the same upstream (services::way), before open().
  void go_by(std::size_t way) { upstream_ = way; }
  std::size_t way() const { return upstream_; }

  /// Connects (or reuses), sends, and reads the final head. `connect_by` bounds name, TCP and TLS; `answer_by` the
  /// rest.
  net::task<attempt_end> open(const outgoing_request& what, time_point connect_by, time_point answer_by);

  /// For streamed request bodies: connects and sends the head; the exchange then writes the body to connection() and
  /// calls await_head().
  net::task<attempt_end> open_for_body(const outgoing_request& what, time_point connect_by);
  net::task<attempt_end> await_head(time_point answer_by);

  const response_head& head() const { return head_; }
  response_head& head() { return head_; }
  const adapt::response_framing& framing() const { return framing_; }
  const failure& problem() const { return problem_; }
  net::stream* connection() { return connection_.get(); }
  bool reused() const { return reused_; }
  /// After the head has been passed on; framing() stays.
  void forget_head();

  /// Reads the whole answer; body() then holds it. Views into scratch memory: valid until the next wait. Where it is
  /// longer than `limit_bytes` that is a failure, and too_long() says so.
  net::task<attempt_end> read_whole(std::size_t limit_bytes, time_point by);
  std::string_view body() const { return body_; }
  bool too_long() const { return too_long_; }

  /// Takes the next payload bytes (framing removed, contiguous) without waiting: scratch memory, valid until the next
  /// read or wait. `again` means wait for the connection to be readable. `eof` means the answer is complete.
  struct piece {
    net::io_result::kind what = net::io_result::kind::again;
    std::string_view payload;  // for ok; may be empty
  };
  piece next_payload();
  bool complete() const { return complete_; }

  /// Waits until the upstream has more, the caller left, or `by`: then it is `late`, and what follows is the caller's.
  net::task<attempt_end> wait_for_more(time_point by);

  /// Forgets the answer (settle() first), so that open() can ask once more.
  void start_over();

  /// The connection back to the pool when the answer is complete and nothing is odd, else closed. Called at most once.
  void settle();
  void abandon() { connection_.reset(); }

  duration waited() const { return waited_; }  // for the upstream, in all waits

 private:
  net::task<attempt_end> wait(time_point by, phase at);  // `failed` with reason timeout when time is up
  attempt_end fail(reason why, phase at, std::string detail, int status = 0);
  net::task<attempt_end> connect(time_point by, bool fresh);
  net::task<attempt_end> send(const outgoing_request& what, time_point by);
  attempt_end accept_head(std::string_view raw, std::size_t head_size);
  bool decode(char* raw, std::size_t size, std::string_view& payload);  // in place

  const services& shared() const { return *generation_.shared; }

  worker& home_;
  worker_generation& generation_;
  net::stream& caller_;
  std::size_t upstream_;
  std::optional<cloud_pass> pass_;
  std::unique_ptr<net::stream> connection_;
  bool reused_ = false;
  bool heard_anything_ = false;
  bool sent_all_ = false;
  bool odd_ = false;  // something makes the connection unfit for another request

  std::string head_bytes_;  // owned copy while views into the head must survive a wait
  response_head head_;
  adapt::response_framing framing_;
  bool to_head_request_ = false;
  adapt::chunk_decoder chunks_;
  std::uint64_t left_ = 0;
  bool complete_ = false;
  bool too_long_ = false;
  byte_buffer whole_;
  std::string_view body_;
  std::string_view fresh_raw_;  // raw body bytes behind the head, still in scratch: valid until the next wait
  failure problem_;
  duration waited_{};
};

}  // namespace tideover::proxy
