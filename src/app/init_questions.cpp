// What `tideover init` asks, and how answers are understood.
#include <algorithm>
#include <istream>
#include <ostream>

#include "tideover/app/init_command.hpp"
#include "tideover/config/check.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

class questions {
 public:
  questions(std::istream& in, std::ostream& to) : in_(in), to_(to) {}

  /// Nothing: the input ended.
  std::optional<std::string> line(const std::string& question) {
    to_ << question << ' ' << std::flush;
    std::string answer;
    if (!std::getline(in_, answer)) {
      to_ << '\n';
      return std::nullopt;
    }
    auto const from = answer.find_first_not_of(" \t\r");
    if (from == std::string::npos) return "";
    return answer.substr(from, answer.find_last_not_of(" \t\r") - from + 1);
  }

  std::optional<bool> yes(const std::string& question, bool usual) {
    for (;;) {
      auto answer = line(question + (usual ? " [Y/n]" : " [y/N]"));
      if (!answer) return std::nullopt;
      if (answer->empty()) return usual;
      auto const first = answer->front() | 0x20;
      if (first == 'y' || first == 'n') return first == 'y';
      to_ << "Please answer y or n.\n";
    }
  }

  std::ostream& to() { return to_; }

 private:
  std::istream& in_;
  std::ostream& to_;
};

bool ask_where(questions& q, init_facts& facts, const look_at& look) {
  while (!facts.answers) {
    auto const said = q.line("No Ollama answers at " + facts.local_url + ". Where is it? [there, started later]");
    if (!said) return false;
    if (said->empty()) return true;
    auto const at = config::parse_ollama_host(*said);
    if (!at) {
      q.to() << "That " << at.error << ".\n";
      continue;
    }
    if (auto const objection = look((*at).where.to_string(), facts); !objection.empty())
      q.to() << "That cannot be: " << objection << ".\n";
  }
  return true;
}

bool ask_model(questions& q, const init_facts& facts, init_wishes& wishes) {
  auto const usable = usable_models(facts.catalog);
  if (usable.size() < 2) return true;
  q.to() << "Models at " << facts.local_url << ":\n";
  for (std::size_t i = 0; i < usable.size(); ++i)
    q.to() << "  " << i + 1 << "  " << config::printable(usable[i]) << '\n';
  for (;;) {
    auto const said = q.line("Which one stands in for a cloud model that has no better match? [1]");
    if (!said) return false;
    if (said->empty()) return true;
    auto const number = config::parse_integer(*said);
    if (number && *number >= 1 && static_cast<std::size_t>(*number) <= usable.size()) {
      wishes.model = usable[static_cast<std::size_t>(*number) - 1];
      return true;
    }
    auto const named =
        std::find_if(usable.begin(), usable.end(), [&](const auto& name) { return policy::same_model(name, *said); });
    if (named != usable.end()) {
      wishes.model = *named;
      return true;
    }
    q.to() << "Please give a number from 1 to " << usable.size() << ", or a name of the list.\n";
  }
}

bool ask_keys(questions& q, const init_facts& facts, init_wishes& wishes) {
  if (facts.for_service) return true;  // the service has other variables: the file says what to do
  wishes.keys.clear();
  for (const auto& key : facts.keys) {
    auto const use = q.yes("$" + key + " is set. Send that key for every caller, in place of the caller's own?", true);
    if (!use) return false;
    if (*use) wishes.keys.push_back(key);
  }
  return true;
}

bool ask_private_workflow(questions& q, init_wishes& wishes) {
  for (;;) {
    auto const said = q.line("Name of a workflow whose requests never leave this house, such as legal? [none]");
    if (!said) return false;
    if (said->empty()) return true;
    if (config::is_plain_name(*said, true) && !config::is_reserved_workflow(*said) && *said != "default") {
      wishes.private_workflow = *said;
      return true;
    }
    q.to() << "That is no name for it: letters, digits, `_`, `-` and `.`, and none of default, all, on, off.\n";
  }
}

}  // namespace

std::optional<init_wishes> ask_wishes(std::istream& in, std::ostream& to, init_facts& facts, const look_at& look) {
  questions q(in, to);
  if (!ask_where(q, facts, look)) return std::nullopt;
  auto wishes = usual_wishes(facts);
  if (!ask_model(q, facts, wishes) || !ask_keys(q, facts, wishes) || !ask_private_workflow(q, wishes))
    return std::nullopt;
  return wishes;
}

}  // namespace tideover::app
