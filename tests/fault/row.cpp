#include "fault/row.hpp"

#include <set>
#include <stdexcept>

namespace tideover::test {

const char* name_of(call what) {
  switch (what) {
    case call::chat: return "chat";
    case call::completions: return "completions";
    case call::responses: return "responses";
    case call::messages: return "messages";
    case call::chat_stream: return "chat_stream";
    case call::completions_stream: return "completions_stream";
    case call::responses_stream: return "responses_stream";
    case call::messages_stream: return "messages_stream";
    case call::native: return "native";
    case call::native_stream: return "native_stream";
    case call::files: return "files";
    case call::models: return "models";
  }
  return "";
}

bool is_stream(call what) {
  return (what >= call::chat_stream && what <= call::messages_stream) || what == call::native_stream;
}

expectation served_locally(std::string reason, blamed who) {
  return {sees::local_answer, 200, std::move(reason), "failed_over", who, "", 1};
}
expectation served_by_cloud() { return {sees::cloud_answer, 200, "", "answered", blamed::nobody, "", 1}; }
expectation passed_on(int status) { return {sees::cloud_error, status, "", "answered", blamed::nobody, "", 1}; }
expectation kept_error(int status, std::string reason, blamed who) {
  return {sees::cloud_error, status, std::move(reason), "failed", who, "", 1};
}
expectation own_error(int status, std::string code, std::string reason, blamed who) {
  return {sees::own_error, status, std::move(reason), "failed", who, std::move(code), 1};
}
expectation refused(int status, std::string code) {
  return {sees::own_error, status, "", "refused", blamed::nobody, std::move(code), 0};
}
expectation cut_visibly(blamed who) { return {sees::cut, 200, "cut", "cut", who, "upstream_ended_early", 1}; }
expectation left_by_caller() { return {sees::nothing, 0, "", "client_gone", blamed::nobody, "", 1}; }

void table::add(std::string id, std::string name, std::string sentence, const calls& asked, const expectation& expected,
                std::function<void(stage&)> fault, row_details rest) {
  for (auto const what : asked)
    rows.push_back(
        {id, name, sentence, what, expected, fault, rest.act, rest.never, rest.certificate, rest.own_network});
}

const std::vector<row>& all_rows() {
  static const std::vector<row> rows = [] {
    table all;
    add_name_rows(all);
    add_connect_rows(all);
    add_tls_rows(all);
    add_head_rows(all);
    add_status_rows(all);
    add_body_rows(all);
    add_stream_rows(all);
    add_whole_stream_rows(all);
    add_kept_rows(all);
    add_local_rows(all);
    add_caller_rows(all);
    add_other_rows(all);
    std::set<std::string> names;
    for (auto const& r : all.rows)
      if (!names.insert(r.test_name()).second) throw std::logic_error("two rows are called " + r.test_name());
    return std::move(all.rows);
  }();
  return rows;
}

}  // namespace tideover::test
