// The admin API's front: who may ask what, and which handler answers. Request in, reply out.
// Not a server (admin_server) and not the answers themselves: those are registered. Pure but for what handlers do.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tideover/adapt/framing.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/core/secret.hpp"
#include "tideover/core/time.hpp"
#include "tideover/policy/guess_limiter.hpp"

namespace tideover::ops {

/// Through which door a request came.
struct admin_door {
  bool trusted = false;           // the unix socket: its file mode decides who may come in
  bool reads_need_token = false;  // a listener that other machines can reach
  std::string who{};              // of the unix socket's peer: `root (uid 0)`
  std::string address{};          // of a TCP peer, without port
};

struct admin_reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers{};
  bool event_stream = false;  // the head goes out and events follow

  /// An answer that takes time: `begin` is called once, on the control thread, and what it is given is to be called
  /// there when the work is done. Then, or after `at_most`, `end` says the answer; true: the work is done.
  struct work {
    std::function<void(std::function<void()> done)> begin;
    duration at_most{};
    std::function<admin_reply(bool is_done)> end;
  };
  std::shared_ptr<work> takes_time{};
};

/// What a handler is told, once it is sure that the caller may ask it.
struct admin_call {
  std::string_view method;
  std::string_view path;
  std::string_view query;
  nlohmann::json body;  // an object; empty where the request had no body
  std::string who;      // whose doing it will be
};
using admin_handler = std::function<admin_reply(const admin_call&)>;

admin_reply json_reply(const nlohmann::ordered_json& document, int status = 200);
admin_reply text_reply(std::string text, int status = 200);
/// `{"error":{"code":…,"message":…}}`; the message names the fix.
admin_reply error_reply(int status, std::string_view code, std::string_view message);

class admin_api {
 public:
  explicit admin_api(adapt::host_rules hosts) : hosts_(std::move(hosts)) {}

  /// `path` ending in `/` stands for everything below it (`/api/drills/ID`). GET serves HEAD too. Whatever is not GET
  /// is a change, or costs something: it needs the unix socket or the token.
  /// `most_body_bytes`: of the request.
  void on(std::string method, std::string path, admin_handler handler, std::size_t most_body_bytes = usual_body_bytes);
  /// Answered through every door without a token: for probes that have none (/livez, /readyz).
  void on_open(std::string path, admin_handler handler);

  /// Without a token nobody can change anything over TCP.
  void set_token(std::optional<secret> token) { token_ = std::move(token); }
  void set_hosts(adapt::host_rules hosts) { hosts_ = std::move(hosts); }

  /// How large a body may be at this path; unknown paths take what is usual.
  std::size_t body_limit(const request_head& head) const;
  std::size_t largest_body_limit() const;
  static constexpr std::size_t usual_body_bytes = 64u << 10;

  /// What can be said from the head alone; nothing: read the body and ask answer().
  std::optional<admin_reply> refuse(const request_head& head, const admin_door& door, time_point now);
  /// `head` was not refused.
  admin_reply answer(const request_head& head, std::string_view body, const admin_door& door);

 private:
  struct route {
    std::string method;
    std::string path;
    admin_handler handler;
    bool open = false;
    std::size_t most_body_bytes = usual_body_bytes;
  };
  const route* find(std::string_view method, std::string_view path) const;
  std::string allowed(std::string_view path) const;
  std::optional<admin_reply> check_token(const header_fields& fields, const admin_door& door, bool change,
                                         time_point now);

  adapt::host_rules hosts_;
  std::optional<secret> token_;
  std::vector<route> routes_;
  policy::guess_limiter guesses_;
};

}  // namespace tideover::ops
