// Where a row is played: a world of its own with a gate of faults before the cloud and one before Ollama, and a caller
// who carries a key that must turn up nowhere else.
// Not the judge: it records what the caller saw; fault/check says whether that is right.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fault/row.hpp"
#include "integration/world.hpp"
#include "support/fault_gate.hpp"

namespace tideover::test {

/// What one caller saw of one answer.
struct observed {
  http_answer answer;             // head and status; its body is below
  std::vector<sse_event> events;  // of a stream
  std::string unfinished;         // behind the last whole event
  std::string body;
  io ended = io::timed_out;

  int status() const { return answer.status; }
  bool complete() const { return ended == io::ok; }
  std::string field(std::string_view name) const { return answer.field(name); }
};

class stage {
 public:
  explicit stage(const row& played);
  ~stage();

  const row& played;
  const dialect_row& dialect;  // of the call; chat's for what has none
  std::unique_ptr<world> home;
  scripted_upstream& cloud;  // the one this call belongs to, well from the start
  scripted_upstream& local;
  fault_gate to_cloud, to_local;

  // What a row's fault may change before the daemon starts.
  world_options options;
  std::string path, body;  // of the request
  field_list fields;       // beside the caller's key
  std::string expected;    // what the cloud says, and so what the caller must get from it; of a cut: its beginning
  gate door;               // opens once the caller has two words
  std::size_t sent_before_door;         // so many events of the cloud's stream are two words
  std::function<void(stage&)> when_up;  // once the daemon serves and knows the local models
  std::size_t failures_to_open = 1;
  std::size_t requests_sent = 0;             // of callers who do not use ask()
  bool other_cloud_asked = false;            // by the row itself
  std::vector<std::shared_ptr<void>> props;  // what else stands here, for as long as the daemon runs

  /// Short times for the cloud: what is silent fails soon.
  void cloud_is_given(const std::string& timeouts) { options.cloud_timeouts = timeouts; }
  void cloud_is_given_little_time();
  void cloud_does(script what);
  void cloud_says(int status, std::string text, field_list extra = {}, std::string type = "application/json");
  /// Every generation, whichever of Ollama's routes it takes.
  void local_does(script what);
  void cloud_is_down() { to_cloud.set(fault_gate::door::refuse); }
  void local_is_down();

  /// The events of this call's stream, and how many come before the first usable content.
  std::vector<std::string> cloud_events() const;
  std::size_t silent_events() const;
  /// Until the caller has the first two words; then `what`. `expected` becomes what was sent until then.
  void cloud_breaks_off(std::function<void(served_connection&)> what);

  void start();
  daemon_process& daemon() { return home->daemon(); }
  observed ask();
  observed ask(raw_client& client);
  observed ask(raw_client& client, const std::string& key);
  /// The request as bytes, for callers who do odd things with it.
  std::string request_text() const;
  std::size_t asked() const { return asked_ + requests_sent; }

  std::vector<recorded_request> cloud_requests() const { return cloud.requests_to(path.substr(0, path.find('?'))); }
  const std::string& key() const { return key_; }
  std::size_t resident_growth_kib() const;

 private:
  std::string const key_;
  std::atomic<std::size_t> asked_{0};
  bool started_ = false;
  std::size_t resident_at_start_ = 0;
};

const test_ca& shared_ca();
/// What the cloud of this call says when all is well.
std::string good_answer(call what);
/// The words of an error in the dialect of this call.
std::string cloud_error(call what, std::string_view type = "server_error", std::string_view code = "",
                        std::string_view message = "The server had an error");
bool is_anthropic(call what);

}  // namespace tideover::test
