#include "fault/document.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "fault/row.hpp"

namespace tideover::test {
namespace {

const std::map<char, std::string> titles{
    {'A', "Names and addresses"},
    {'B', "Connecting, and the way of the request"},
    {'C', "TLS to the cloud"},
    {'D', "Before and in the head of the answer"},
    {'E', "What the status says"},
    {'F', "Answers that are not streamed"},
    {'G', "Streams"},
    {'H', "Connections that are kept"},
    {'I', "The local side"},
    {'J', "The caller's side"},
    {'X', "Several things at once"},
};

std::string asked_by(const calls& asked) {
  std::set<call> const set(asked.begin(), asked.end());
  auto const is = [&](const calls& all) { return set == std::set<call>(all.begin(), all.end()); };
  if (is(all_generations)) return "all";
  if (is(whole_answers)) return "whole answers";
  if (is(streams)) return "streams";
  std::string text;
  for (auto const what : asked) {
    std::string name = name_of(what);
    std::replace(name.begin(), name.end(), '_', ' ');
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

std::string what_is_seen(const expectation& e) {
  auto const status = std::to_string(e.status);
  switch (e.what) {
    case sees::local_answer: return "Ollama's answer";
    case sees::cloud_answer: return "the cloud's answer";
    case sees::cloud_error: return status + " in the cloud's words";
    case sees::own_error: return status + " `" + e.code + '`';
    case sees::cut:
      return e.code.empty() ? "a cut, after the upstream's own error if it sent one" : "a cut, after an error event";
    case sees::continued: return "the cloud's words, then Ollama's, in one stream";
    case sees::nothing: return "–";
  }
  return "";
}

std::string who_is_blamed(blamed who) {
  switch (who) {
    case blamed::nobody: return "nobody";
    case blamed::connection: return "the way";
    case blamed::service: return "the service";
  }
  return "";
}

std::string in_the_log(const expectation& e) {
  return '`' + e.outcome + '`' + (e.reason.empty() ? "" : ", `" + e.reason + '`');
}

/// A pipe would end the cell.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

std::string line_of(const row& first, const calls& asked) {
  std::string never;
  for (auto const& rule : first.never) never += (never.empty() ? "" : "; ") + rule.sentence;
  std::string line = "| " + first.id;
  for (auto const& text : {first.sentence, asked_by(asked), what_is_seen(first.expected),
                           who_is_blamed(first.expected.who), in_the_log(first.expected), never.empty() ? "–" : never})
    line += " | " + cell(text);
  return line + " |\n";
}

}  // namespace

std::string rows_as_text() {
  const auto& rows = all_rows();
  std::string text = std::to_string(rows.size()) + " rows; a row that is asked in several ways is one line.\n";
  for (auto row = rows.begin(); row != rows.end();) {
    if (row == rows.begin() || row->section() != std::prev(row)->section())
      text += "\n### " + std::string(1, row->section()) + ". " + titles.at(row->section()) +
              "\n\n| Row | What happens | Asked | The caller sees | Blamed | In the log | Never |\n"
              "|---|---|---|---|---|---|---|\n";
    calls asked;
    auto next = row;
    for (; next != rows.end() && next->id == row->id && next->sentence == row->sentence; ++next)
      asked.push_back(next->asked);
    text += line_of(*row, asked);
    row = next;
  }
  return text;
}

}  // namespace tideover::test
