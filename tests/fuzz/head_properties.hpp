// What must hold for any bytes that reach the head parsers, the judges and the writers, whoever feeds them.
// Not a parser to learn from: the checker here is written apart from the code it checks, and strict on purpose.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tideover/adapt/chunked.hpp"
#include "tideover/adapt/framing.hpp"
#include "tideover/adapt/header_rules.hpp"
#include "tideover/net/http_head.hpp"

namespace tideover::properties {

inline void hold(bool condition, const char* what, std::string_view evidence) {
  if (condition) return;
  std::fprintf(stderr, "property broken: %s\n%.*s\n", what, static_cast<int>(evidence.size()), evidence.data());
  std::abort();
}

/// Reads a head that we wrote and aborts where any other reader could understand it differently.
struct strict_head {
  std::string start_line;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case

  explicit strict_head(std::string_view text) {
    hold(text.size() >= 4 && text.substr(text.size() - 4) == "\r\n\r\n", "a head ends with an empty line", text);
    hold(text.find("\r\n\r\n") == text.size() - 4, "there is one empty line, at the end", text);
    auto rest = text.substr(0, text.size() - 2);
    bool first = true;
    while (!rest.empty()) {
      auto const end = rest.find("\r\n");
      auto const line = rest.substr(0, end);
      rest.remove_prefix(end + 2);
      for (char c : line) {
        auto const u = static_cast<unsigned char>(c);
        hold((u >= 0x20 && u != 0x7f) || c == '\t', "no control byte is in a line", text);
      }
      if (first) {
        start_line = line;
        first = false;
        continue;
      }
      auto const colon = line.find(':');
      hold(colon != std::string_view::npos && colon > 0, "every line is a field", text);
      std::string name;
      for (char c : line.substr(0, colon)) {
        bool const token = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
        hold(token, "a field's name is a token", text);
        name += (c >= 'A' && c <= 'Z') ? static_cast<char>(c + 32) : c;
      }
      fields.emplace_back(name, line.substr(line.find_first_not_of(' ', colon + 1) == std::string_view::npos
                                                ? line.size()
                                                : line.find_first_not_of(' ', colon + 1)));
    }
  }

  std::size_t count(std::string_view name) const {
    std::size_t n = 0;
    for (const auto& f : fields) n += f.first == name;
    return n;
  }
};

inline void check_framing_fields(const strict_head& head, std::string_view text) {
  hold(head.count("content-length") + head.count("transfer-encoding") <= 1, "there is one framing field at most", text);
  hold(head.count("content_length") + head.count("transfer_encoding") == 0, "there is no lookalike of one", text);
  for (const auto& [name, value] : head.fields) {
    if (name == "transfer-encoding") hold(value == "chunked", "the coding is chunked", text);
    if (name == "content-length")
      hold(!value.empty() && value.size() <= 19 && value.find_first_not_of("0123456789") == std::string::npos,
           "the length is a plain number", text);
    hold(!name.starts_with("proxy-") && name != "keep-alive" && name != "upgrade" && name != "te" && name != "trailer",
         "no hop-by-hop field crosses", text);
  }
}

inline bool has_fold(std::string_view head) {
  return head.find("\n ") != std::string_view::npos || head.find("\n\t") != std::string_view::npos;
}

inline void check_request(std::string_view bytes, std::string& scratch) {
  auto const end = net::find_head_end(bytes, 0);
  for (std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{16}}) {
    if (bytes.size() > 4096) break;
    std::size_t scanned = 0;
    std::size_t found = 0;
    while (found == 0 && scanned < bytes.size()) {
      auto const size = std::min(scanned + step, bytes.size());
      found = net::find_head_end(bytes.substr(0, size), scanned);
      scanned = size;
    }
    hold(found == end, "the end of a head does not depend on how it arrives", bytes);
  }
  if (end == 0) return;
  // A copy of exact size, so that a sanitizer sees any read beyond it.
  std::vector<char> const exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end));
  request_head head;
  if (net::parse_request_head({exact.data(), exact.size()}, head) != net::head_status::ok) return;
  hold(head.has_line_folding == has_fold(bytes.substr(0, end)), "every fold is seen", bytes);
  auto const verdict = adapt::judge_request(head);
  if (verdict.refuse_status != 0) {
    hold(!verdict.why.empty() && !verdict.keep_alive && verdict.refuse_status >= 400, "a refusal is complete", bytes);
    return;
  }
  hold(head.fields.count(field_id::host) == 1 && !head.has_line_folding, "what is accepted is unambiguous", bytes);
  struct target {
    tier where;
    dialect speaks;
    const char* key;
  };
  for (auto const& to : {target{tier::cloud, dialect::openai, ""}, target{tier::cloud, dialect::anthropic, "key"},
                         target{tier::local, dialect::ollama, ""}}) {
    scratch.clear();
    adapt::write_request_head(scratch, head,
                              {.method = head.method,
                               .target = head.target.starts_with('/') ? head.target : "/",
                               .authority = "upstream.test",
                               .tier = to.where,
                               .dialect = to.speaks,
                               .credential = to.key,
                               .body = verdict.body,
                               .length = verdict.length,
                               .judged = true});
    strict_head const written(scratch);
    check_framing_fields(written, scratch);
    hold(written.count("host") == 1, "there is one Host", scratch);
    hold(written.count("connection") + written.count("expect") + written.count("cookie") + written.count("origin") == 0,
         "nothing of the caller's connection crosses", scratch);
    auto const spaces = std::count(written.start_line.begin(), written.start_line.end(), ' ');
    hold(spaces == 2 && written.start_line.ends_with(" HTTP/1.1"), "the request line has three words", scratch);
    if (to.where == tier::local)
      hold(written.count("authorization") + written.count("x-api-key") + written.count("api-key") == 0,
           "no key goes to local", scratch);
  }
}

inline void check_response(std::string_view bytes, std::string& scratch) {
  auto const end = net::find_head_end(bytes, 0);
  if (end == 0) return;
  std::vector<char> const exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end));
  response_head head;
  if (net::parse_response_head({exact.data(), exact.size()}, head) != net::head_status::ok) return;
  hold(head.has_line_folding == has_fold(bytes.substr(0, end)), "every fold is seen", bytes);
  for (bool to_head : {false, true}) {
    auto const verdict = adapt::judge_response(head, to_head);
    if (!verdict.acceptable) {
      hold(!verdict.why.empty() && !verdict.keep_alive, "a refusal is complete", bytes);
      continue;
    }
    hold(verdict.body != adapt::body_kind::until_close || !verdict.keep_alive, "the end is the end", bytes);
    for (unsigned version : {10u, 11u}) {
      scratch.clear();
      adapt::write_response_head(scratch, head,
                                 {.status = head.status,
                                  .reason_phrase = head.reason_phrase,
                                  .body = verdict.body,
                                  .length = verdict.length,
                                  .keep_alive = verdict.keep_alive,
                                  .client_version = version,
                                  .to_head_request = to_head},
                                 {.tier = tier::cloud, .model = head.reason_phrase});
      strict_head const written(scratch);
      check_framing_fields(written, scratch);
      hold(written.count("x-tideover-tier") == 1, "the mark is ours alone", scratch);
      hold(written.count("set-cookie") + written.count("strict-transport-security") == 0, "no cookies cross", scratch);
      hold(version == 11 || written.count("transfer-encoding") == 0, "HTTP/1.0 gets no chunks", scratch);
    }
  }
}

/// The same bytes in one piece and in many: the same payload, the same end.
inline void check_chunks(std::string_view bytes) {
  using status = adapt::chunk_decoder::status;
  auto const run = [bytes](std::size_t step, std::string& payload, std::size_t& used) {
    adapt::chunk_decoder decoder;
    status last = status::more;
    used = 0;
    std::size_t end = 0;
    while (used < bytes.size() && last != status::done && last != status::broken) {
      if (used == end) end = std::min(end + step, bytes.size());
      auto const s = decoder.feed(bytes.substr(used, end - used));
      hold(s.used <= end - used && s.payload.size() <= s.used, "a step stays within its input", bytes);
      hold(s.what == status::broken || s.used > 0, "every step gets on", bytes);
      payload += s.payload;
      used += s.used;
      last = s.what;
    }
    return last == status::piece ? status::more : last;
  };
  std::string whole;
  std::string split;
  std::size_t whole_used = 0;
  std::size_t split_used = 0;
  auto const a = run(bytes.size(), whole, whole_used);
  auto const b = run(1, split, split_used);
  hold(a == b && whole == split && whole_used == split_used, "splitting changes nothing", bytes);
}

inline void check_all(std::string_view bytes, std::string& scratch) {
  check_request(bytes, scratch);
  check_response(bytes, scratch);
  check_chunks(bytes);
}

}  // namespace tideover::properties
