// Commands around the configuration: its file, keys, apps and shells. None needs a daemon.
#include <algorithm>

#include "command_table.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

constexpr auto group = "Set up";
const std::vector<exit_meaning> with_configuration{{exit_ok, "done"},
                                                   {exit_failure, "failed"},
                                                   {exit_usage, "wrong words on the command line"},
                                                   {exit_configuration, "the configuration has errors"}};

/// Nothing, or why `word` is none of the choices of this option.
std::optional<command_line_result> not_one_of(const CLI::Option& option, const std::string& word) {
  const auto words = choices(option);
  if (std::find(words.begin(), words.end(), word) != words.end()) return std::nullopt;
  std::string list;
  for (const auto& one : words) list += (list.empty() ? "" : one == words.back() ? " or " : ", ") + one;
  const auto near = config::nearest(word, words);
  return refused(in_ticks(word) + " is not " + list +
                 (near.empty() ? std::string() : "; did you mean `" + std::string(near) + "`?"));
}

void add_init(command_table& table) {
  auto& entry = table.add(table.app(), "init", "Write a first configuration file that fits this machine", group);
  auto said = std::make_shared<init_command>();
  entry.at
      ->add_option("-o,--output", said->output,
                   "The file to write ($TIDEOVER_CONFIG, else /etc/tideover/tideover.yaml\n"
                   "for root, else $XDG_CONFIG_HOME/tideover/tideover.yaml)")
      ->type_name("FILE");
  entry.at->add_flag("-y,--yes", said->yes, "Ask nothing: take what was found");
  entry.at->add_flag("--force", said->force, "Replace a file that is there already");
  with_json(*entry.at, said->json);
  entry.notes =
      "Looks for Ollama ($OLLAMA_HOST), for its models, and for keys in the environment, and asks what it\n"
      "cannot know; on something that is no terminal it asks nothing. Keys are never written: the file says\n"
      "in which variable they are.";
  entry.examples = {{"tideover init", ""},
                    {"tideover init --yes --output tideover.yaml && tideover run --config tideover.yaml", ""}};
  entry.exit_codes = with_configuration;
  entry.taken = take(std::move(said));
}

void add_check(command_table& table) {
  auto& entry = table.add(table.app(), "check", "Check the configuration and say all that is wrong with it", group);
  auto said = std::make_shared<check_command>();
  entry.at->alias("validate");
  with_config(*entry.at, said->config_file);
  with_json(*entry.at, said->json);
  entry.notes = "Every problem comes with file:line:column, the key and what to write instead.";
  entry.examples = {{"tideover check", ""}, {"tideover check --config new.yaml --json", ""}};
  entry.exit_codes = {{exit_ok, "fine"},
                      {exit_usage, "wrong words on the command line"},
                      {exit_configuration, "the configuration has errors"}};
  entry.taken = take(std::move(said));
}

void add_env(command_table& table) {
  auto& entry = table.add(table.app(), "env", "Print the variables that point apps at this proxy", group);
  auto said = std::make_shared<env_command>();
  with_door(*entry.at, said->door);
  auto* shell =
      entry.at->add_option("--shell", said->shell, "For which shell (sh)")->type_name("sh|bash|zsh|fish|powershell");
  entry.at->add_option("--workflow", said->workflow, "For apps of this workflow: URLs below /w/NAME")
      ->type_name("WORKFLOW");
  with_json(*entry.at, said->json);
  entry.notes =
      "From the configuration; with --socket, and where the configured port is 0, from the running daemon.\n"
      "Of several listeners the one that only this machine can reach. What else apps need (a key, trust in a\n"
      "certificate) is said on standard error.";
  entry.examples = {{"eval \"$(tideover env)\"", ""},
                    {"tideover env --shell fish | source", ""},
                    {"tideover env --shell powershell | Invoke-Expression", ""},
                    {"eval \"$(tideover env --workflow legal)\"", "For apps whose prompts must stay in the house."}};
  entry.exit_codes = with_configuration;
  entry.taken = [said, shell] {
    if (auto wrong = not_one_of(*shell, said->shell)) return *wrong;
    if (said->workflow && !config::is_plain_name(*said->workflow, true))
      return refused(in_ticks(*said->workflow) +
                     " is no name of a workflow: letters, digits, `_`, `-` and `.`, at most 64");
    command_line_result result;
    result.command = *said;
    return result;
  };
}

void add_key(command_table& table) {
  auto& parent = table.add(table.app(), "key", "Make a key of your own for a caller", group);
  parent.taken = [] { return refused("say `tideover key new NAME`; see `tideover key --help`"); };
  auto& entry = table.add(*parent.at, "new", "Print a new key once, and the line for the configuration");
  auto said = std::make_shared<key_command>();
  entry.at->add_option("NAME", said->name, "Name of the caller, for logs: letters, digits, `_`, `-`, `.`")
      ->required()
      ->type_name("");
  entry.at->add_option("--workflow", said->workflow, "Workflow that the key is bound to")->type_name("WORKFLOW");
  with_config(*entry.at, said->config_file);
  with_json(*entry.at, said->json);
  entry.notes = "The key goes to standard output, what to do with it to standard error.";
  entry.examples = {{"tideover key new crm", ""}, {"tideover key new lawyers --workflow legal --json", ""}};
  parent.examples = entry.examples;
  entry.taken = [said] {
    if (!config::is_plain_name(said->name, true))
      return refused(in_ticks(said->name) + " is no name for a key: letters, digits, `_`, `-` and `.`, at most 64");
    if (said->workflow && !config::is_plain_name(*said->workflow, true))
      return refused(in_ticks(*said->workflow) +
                     " is no name of a workflow: letters, digits, `_`, `-` and `.`, at most 64");
    command_line_result result;
    result.command = *said;
    return result;
  };
}

void add_schema(command_table& table) {
  auto& entry = table.add(table.app(), "schema", "Print the JSON Schema of the configuration file", group);
  auto said = std::make_shared<bool>();
  entry.at->add_flag("--json", *said, "Changes nothing: it is JSON");
  entry.notes = "Editors with a YAML language server use it by the first line of a file that `tideover init` wrote.";
  entry.examples = {{"tideover schema > config.schema.json", ""}};
  entry.taken = [said] {
    command_line_result result;
    result.command = schema_command{};
    return result;
  };
}

void add_completion(command_table& table) {
  auto& entry = table.add(table.app(), "completion", "Print the script that lets a shell complete commands", group);
  auto said = std::make_shared<completion_command>();
  auto* shell = entry.at->add_option("SHELL", said->shell, "The shell")->required()->type_name("bash|zsh|fish");
  entry.examples = {{"source <(tideover completion bash)", "In ~/.bashrc."},
                    {"tideover completion zsh > ~/.zfunc/_tideover", "With ~/.zfunc in $fpath before compinit."},
                    {"tideover completion fish > ~/.config/fish/completions/tideover.fish", ""}};
  entry.taken = [said, shell] {
    if (auto wrong = not_one_of(*shell, said->shell)) return *wrong;
    command_line_result result;
    result.command = *said;
    return result;
  };
}

void add_man(command_table& table) {
  auto& entry = table.add(table.app(), "man", "Print a page of the manual in man(7) format", "");
  auto said = std::make_shared<man_command>();
  auto* page = entry.at->add_option("PAGE", said->page, "The page")->type_name("tideover|tideover.yaml");
  said->page = "tideover";
  entry.examples = {{"tideover man | man -l -", ""}};
  entry.taken = [said, page] {
    if (auto wrong = not_one_of(*page, said->page)) return *wrong;
    command_line_result result;
    result.command = *said;
    return result;
  };
}

void add_version(command_table& table) {
  auto& entry = table.add(table.app(), "version", "Print the version", group);
  auto said = std::make_shared<version_command>();
  with_json(*entry.at, said->json);
  entry.taken = take(std::move(said));
}

}  // namespace

void add_setup_commands(command_table& table) {
  add_init(table);
  add_check(table);
  add_env(table);
  add_key(table);
  add_schema(table);
  add_completion(table);
  add_man(table);
  add_version(table);
}

}  // namespace tideover::app
