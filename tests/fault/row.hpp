// One row of the table of faults: what breaks, who asked what, and everything that must be seen afterwards.
// Not how it is checked: that is fault/check. The document docs/failure-semantics.md is written from these rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tideover::test {

/// What a caller asks. The streams follow the whole answers in the same order.
enum class call : std::uint8_t {
  chat,
  completions,
  responses,
  messages,
  chat_stream,
  completions_stream,
  responses_stream,
  messages_stream,
  native,         // POST /api/chat, not streamed
  native_stream,  // the same as NDJSON
  files,          // POST /v1/files, which only the cloud knows
  models,         // GET /v1/models
};
using calls = std::vector<call>;
inline const calls whole_answers{call::chat, call::completions, call::responses, call::messages};
inline const calls streams{call::chat_stream, call::completions_stream, call::responses_stream, call::messages_stream};
inline const calls all_generations{
    call::chat,        call::completions,        call::responses,        call::messages,
    call::chat_stream, call::completions_stream, call::responses_stream, call::messages_stream};
const char* name_of(call what);
bool is_stream(call what);

/// What the caller sees.
enum class sees : std::uint8_t {
  local_answer,  // Ollama's, complete
  cloud_answer,  // the cloud's, complete, byte for byte
  cloud_error,   // the cloud's own error, byte for byte
  own_error,     // Tideover's, in the caller's dialect
  cut,           // the beginning of an answer, an error event, and no orderly end
  continued,     // the cloud's words up to its cut and Ollama's after them, in one stream
  nothing,       // the caller is gone
};

/// Whose circuit breaker counts it.
enum class blamed : std::uint8_t { nobody, connection, service };

struct expectation {
  sees what{};
  int status = 200;
  std::string reason;   // why not the cloud; empty: it served
  std::string outcome;  // in the log
  blamed who = blamed::nobody;
  std::string code;                  // of an own error
  std::size_t cloud_asked_most = 1;  // requests that may reach the cloud
};

expectation served_locally(std::string reason, blamed who);
expectation served_by_cloud();
/// An answer about the request: passed on, nobody's failure.
expectation passed_on(int status);
/// Nobody could serve, and the cloud said why.
expectation kept_error(int status, std::string reason, blamed who);
expectation own_error(int status, std::string code, std::string reason, blamed who);
expectation refused(int status, std::string code);
expectation cut_visibly(blamed who = blamed::service);
expectation left_by_caller();

class stage;
struct observed;

/// Something that must not happen besides what is forbidden for every row.
struct forbidden {
  std::string sentence;
  std::function<void(stage&, const observed&)> check;
};

struct row {
  std::string id;        // its letter is the section
  std::string name;      // snake_case
  std::string sentence;  // what happened
  call asked{};
  expectation expected;
  std::function<void(stage&)> fault;
  /// Another course than asking once; what is returned last is what the expectation is about.
  std::function<observed(stage&)> act;
  std::vector<forbidden> never;
  enum class tls : std::uint8_t { none, good, wrong_host, expired, not_yet_valid, self_signed };
  tls certificate = tls::none;  // of the cloud
  bool own_network = false;     // runs in a network namespace of the test's own

  char section() const { return id.front(); }
  std::string test_name() const { return id + '_' + name + '_' + name_of(asked); }
};

struct row_details {
  std::function<observed(stage&)> act = {};
  std::vector<forbidden> never = {};
  row::tls certificate = row::tls::none;
  bool own_network = false;
};

/// Rows are written one fault at a time, for all the calls it matters for.
class table {
 public:
  void add(std::string id, std::string name, std::string sentence, const calls& asked, const expectation& expected,
           std::function<void(stage&)> fault, row_details rest = {});

  std::vector<row> rows;
};

void add_name_rows(table& all);     // A
void add_connect_rows(table& all);  // B
void add_tls_rows(table& all);      // C
void add_head_rows(table& all);     // D
void add_status_rows(table& all);   // E
void add_body_rows(table& all);     // F
void add_stream_rows(table& all);   // G
void add_whole_stream_rows(table& all);
void add_kept_rows(table& all);    // H
void add_local_rows(table& all);   // I
void add_caller_rows(table& all);  // J
void add_other_rows(table& all);   // X

/// All rows, by section.
const std::vector<row>& all_rows();

}  // namespace tideover::test
