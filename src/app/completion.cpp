#include "tideover/app/completion.hpp"

#include <algorithm>
#include <ostream>

#include "command_table.hpp"
#include "public_part.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

const CLI::App* command_named(const CLI::App& at, const std::string& word) {
  for (const auto* one : visible_commands(at)) {
    const auto& aliases = one->get_aliases();
    if (one->get_name() == word || std::find(aliases.begin(), aliases.end(), word) != aliases.end()) return one;
  }
  return nullptr;
}

const CLI::Option* option_named(const CLI::App& at, std::string_view word) {
  for (const auto* one : visible_options(at)) {
    for (const auto& name : one->get_lnames())
      if (word == "--" + name) return one;
    for (const auto& name : one->get_snames())
      if (word == "-" + name) return one;
  }
  return nullptr;
}

bool may_come_again(const CLI::Option& option) {
  return option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

/// A description as far as it fits beside a word: without what stands in brackets.
std::string in_short(const std::string& text) { return text.substr(0, std::min(text.find('\n'), text.find(" ("))); }

/// What the words before the last one have settled.
struct position {
  const CLI::App* at;
  const CLI::Option* open = nullptr;  // an option that waits for its value
  std::vector<const CLI::Option*> given{};
  std::size_t arguments = 0;  // positional ones that were given
};

class reader {
 public:
  reader(const CLI::App& root, candidates& found) : now_{.at = &root}, found_(found) {}

  void read(const std::string& word) {
    if (now_.open != nullptr) {
      if (word == "=") return;  // bash takes `--config=x` for three words
      settle(word);
    } else if (word.starts_with('-')) {
      const auto equals = word.find('=');
      now_.open = option_named(*now_.at, std::string_view(word).substr(0, equals));
      if (now_.open == nullptr) return;
      now_.given.push_back(now_.open);
      if (!takes_value(*now_.open))
        now_.open = nullptr;
      else if (equals != std::string::npos)
        settle(word.substr(equals + 1));
    } else if (const auto* next = command_named(*now_.at, word)) {
      now_.at = next;
    } else {
      ++now_.arguments;
    }
  }
  const position& now() const { return now_; }

 private:
  void settle(const std::string& value) {
    if (now_.open->check_lname("config")) found_.config_file = value;
    now_.open = nullptr;
  }
  position now_;
  candidates& found_;
};

void offer_values(const CLI::Option& option, candidates& to) {
  for (const auto& word : choices(option))
    if (word.starts_with(to.begun)) to.words.push_back({to.before + word, {}});
  const auto type = option.get_type_name();
  to.files = type == "FILE" || type == "PATH";
  to.workflows = type == "WORKFLOW";
}

void offer_options(const position& now, const std::string& begun, candidates& to) {
  for (const auto* option : visible_options(*now.at)) {
    if (!may_come_again(*option) && std::find(now.given.begin(), now.given.end(), option) != now.given.end()) continue;
    const auto name =
        option->get_lnames().empty() ? "-" + option->get_snames().front() : "--" + option->get_lnames().front();
    if (name.starts_with(begun)) to.words.push_back({name, in_short(option->get_description())});
  }
}

}  // namespace

candidates complete(const std::vector<std::string>& words) {
  candidates found;
  if (words.empty()) return found;
  command_table table;
  const auto& root = table.app();
  reader read(root, found);
  // `help run` is another way to say `run --help`.
  for (std::size_t i = words.front() == "help" && words.size() > 1 ? 1 : 0; i + 1 < words.size(); ++i)
    read.read(words[i]);
  const auto& now = read.now();
  const auto& word = words.back();

  if (now.open != nullptr) {
    found.begun = word == "=" ? "" : word;
    offer_values(*now.open, found);
    return found;
  }
  if (word.starts_with('-')) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) {
      offer_options(now, word, found);
    } else if (const auto* option = option_named(*now.at, word.substr(0, equals)); option && takes_value(*option)) {
      found.before = word.substr(0, equals + 1);
      found.begun = word.substr(equals + 1);
      offer_values(*option, found);
    }
    return found;
  }
  for (const auto* one : visible_commands(*now.at))
    if (one->get_name().starts_with(word)) found.words.push_back({one->get_name(), in_short(one->get_description())});
  if (now.at == &root && words.size() == 1 && std::string_view("help").starts_with(word))
    found.words.push_back({"help", "Explain a command"});
  if (const auto left = arguments(*now.at); now.arguments < left.size()) {
    found.begun = word;
    offer_values(*left[now.arguments], found);
  } else if (found.words.empty() && word.empty()) {
    offer_options(now, word, found);
  }
  return found;
}

int run_complete(const complete_command& command, const config::surroundings& world, std::ostream& out) {
  const auto found = complete(command.words);
  for (const auto& [word, description] : found.words)
    out << word << (description.empty() ? "" : "\t" + description) << '\n';
  if (found.workflows) {
    config::overrides flags;
    if (!found.config_file.empty()) flags.config_file = found.config_file;
    if (const auto loaded = load_public_part(flags, world); loaded.ok())
      for (const auto& [name, workflow] : loaded.snapshot->workflows)
        if (name.starts_with(found.begun)) out << found.before << name << '\t' << token(workflow.policy) << '\n';
  }
  if (found.files) out << ":files\n";
  return exit_ok;
}

int run_completion(const completion_command& command, std::ostream& out) {
  out << completion_script(command.shell);
  return exit_ok;
}

}  // namespace tideover::app
