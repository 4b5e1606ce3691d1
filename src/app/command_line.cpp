#include "tideover/app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

constexpr auto footer = R"(Point your apps at the proxy and change nothing else:
  export OPENAI_BASE_URL=http://127.0.0.1:6837/v1
  export ANTHROPIC_BASE_URL=http://127.0.0.1:6837

`tideover COMMAND --help` explains one command.)";

constexpr std::array<std::string_view, 11> commands{"explain", "run",    "check",       "validate",  "schema", "env",
                                                    "key",     "status", "contingency", "readiness", "version"};

// Commands of the contract that a later version brings: a plain "unknown command" would send people looking.
constexpr std::array<std::string_view, 9> later{"doctor",   "drill",      "alert", "reload", "init",
                                                "firewall", "completion", "log",   "top"};

command_line_result refused(std::string message) {
  command_line_result result;
  result.exit_code = exit_usage;
  result.err = "tideover: " + std::move(message) + "\n";
  return result;
}

std::string in_ticks(std::string_view text) { return "`" + config::printable(text) + "`"; }

std::optional<command_line_result> unknown_command(std::string_view word) {
  if (std::find(commands.begin(), commands.end(), word) != commands.end()) return std::nullopt;
  if (std::find(later.begin(), later.end(), word) != later.end())
    return refused("the command " + in_ticks(word) + " is not supported by this version; see `tideover --help`");
  const auto near = config::nearest(word, commands);
  return refused(
      "unknown command " + in_ticks(word) +
      (near.empty() ? std::string("; see `tideover --help`") : "; did you mean `" + std::string(near) + "`?"));
}

/// The command that was chosen, the subcommand of a command included.
const CLI::App& chosen_command(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : chosen_command(*chosen.front());
}

std::string help_of(const CLI::App& app) {
  std::string words = "`tideover ";
  for (const auto* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    words += at->get_name() + " ";
  }
  return words + "--help`";
}

// CLI11 would only list what it did not expect; this names the option that was meant.
command_line_result unexpected(const CLI::App& app, const std::string& first) {
  const std::string word = first.substr(0, first.find('='));  // values may be anything, keys included
  const std::string help = "; see " + help_of(app);
  if (!word.starts_with('-')) return refused("nothing is known to do with " + in_ticks(word) + help);
  std::vector<std::string> names;
  for (const auto* option : chosen_command(app).get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  const auto near = config::nearest(word, names);
  if (near == word) return refused("put " + in_ticks(word) + " after the command" + help);
  return refused("unknown option " + in_ticks(word) +
                 (near.empty() ? help : "; did you mean `" + std::string(near) + "`?"));
}

command_line_result refused_by_parser(const CLI::App& app, const CLI::Error& error) {
  std::string message = error.what();
  std::replace_if(
      message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return refused(message + "; see " + help_of(app));
}

nlohmann::json to_json(const config::problem& p) {
  nlohmann::json made{
      {"severity", p.level == config::severity::error ? "error" : "warning"}, {"path", p.path}, {"message", p.message}};
  if (!p.file.empty()) made["file"] = p.file;
  if (p.line > 0) {
    made["line"] = p.line;
    made["column"] = p.column;
  }
  return made;
}

std::string dump(const nlohmann::json& document) {
  // Paths of files may be any bytes; they shall not break the document.
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string count(std::size_t n, const std::string& word) {
  return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

}  // namespace

command_line_result parse_command_line(int argc, const char* const* argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }

  CLI::App app{
      "Tideover: tides your apps over a cloud AI outage. It passes requests for OpenAI or Anthropic on to the\n"
      "cloud and, when that fails, lets the local Ollama answer instead.",
      "tideover"};
  app.get_formatter()->column_width(30);
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  app.footer(footer);
  app.allow_extras();  // looked at below, with better words; subcommands inherit it
  bool version_flag = false;
  app.add_flag("-V,--version", version_flag, "Print the version");

  run_command run;
  auto& flags = run.flags;
  const auto with_config = [](CLI::App& command, std::optional<std::string>& file) {
    command
        .add_option("-c,--config", file,
                    "Configuration file (default: $TIDEOVER_CONFIG, /etc/tideover/tideover.yaml,\n"
                    "$XDG_CONFIG_HOME/tideover/tideover.yaml, else built-in defaults)")
        ->type_name("FILE");
  };
  auto* on_run = app.add_subcommand("run", "Run the proxy in the foreground")->group("Commands");
  on_run->footer(
      "Flags win over TIDEOVER_* environment variables, these over the file.\n"
      "SIGTERM and SIGINT let running requests finish, then stop.");
  with_config(*on_run, flags.config_file);
  on_run
      ->add_option("--listen", flags.listen,
                   "Where callers connect (127.0.0.1:6837); may be repeated;\nport 0 takes a free one")
      ->type_name("HOST:PORT")
      ->type_size(1)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  on_run->add_option("--admin", flags.admin, "Where health, metrics and status are (127.0.0.1:6838)")
      ->type_name("HOST:PORT");
  on_run->add_option("--cloud", flags.cloud_url, "The OpenAI-compatible cloud (https://api.openai.com)")
      ->type_name("URL");
  on_run->add_option("--local", flags.local_url, "The local Ollama ($OLLAMA_HOST, else http://127.0.0.1:11434)")
      ->type_name("URL");
  on_run->add_option("--local-model", flags.local_model, "Local model that stands in for every cloud model")
      ->type_name("NAME");
  on_run->add_option("--log-level", flags.log_level, "trace, debug, info, warn or error")->type_name("LEVEL");
  std::optional<std::string> workers;
  on_run->add_option("--workers", workers, "Threads that serve requests (one per core)")->type_name("N");
  on_run->add_option("--ready-file", run.ready_file, "Write the bound addresses to this file once serving")
      ->type_name("FILE");
  on_run->add_flag("--demo", run.demo, "Try it without cloud and Ollama: both are played by this process");

  check_command check;
  auto* on_check =
      app.add_subcommand("check", "Check the configuration and say all that is wrong with it")->group("Commands");
  on_check->alias("validate");
  on_check->footer("Exit code 0: fine, 78: the configuration has errors.");
  with_config(*on_check, check.config_file);
  on_check->add_flag("--json", check.json, "Print the result as JSON");

  auto* on_schema = app.add_subcommand("schema", "Print the JSON Schema of the configuration file")->group("Commands");

  env_command env;
  auto* on_env = app.add_subcommand("env", "Print the variables that point apps at this proxy")->group("Commands");
  on_env->footer("In a shell: eval \"$(tideover env)\"");
  with_config(*on_env, env.config_file);
  on_env->add_flag("--json", env.json, "Print the result as JSON");

  const auto with_door = [&](CLI::App& command, daemon_door& door) {
    command
        .add_option("--socket", door.socket,
                    "Unix socket of the daemon (the configuration's admin.socket,\n"
                    "else /run/tideover/admin.sock)")
        ->type_name("PATH");
    with_config(command, door.config_file);
  };
  status_command status;
  auto* on_status = app.add_subcommand("status", "Show what the running daemon does and what stands in its way");
  on_status->group("Commands");
  on_status->footer("Exit code 0: fine, 10: degraded, 11: contingency, 1: no answer.");
  with_door(*on_status, status.door);
  on_status->add_flag("--watch", status.watch, "Show it again whenever it changes");
  on_status->add_flag("--json", status.json, "Print the result as JSON");

  contingency_command contingency;
  auto* on_contingency = app.add_subcommand("contingency", "Keep requests from the cloud, or let them go there again");
  on_contingency->group("Commands");
  auto* switch_on = on_contingency->add_subcommand("on", "From now on no cloud is asked");
  auto* switch_off = on_contingency->add_subcommand("off", "Lift what operators decided");
  auto* show = on_contingency->add_subcommand("status", "Show what is in contingency, and who said so");
  for (auto* one : {switch_on, switch_off, show}) {
    with_door(*one, contingency.door);
    one->add_flag("--json", contingency.json, "Print the result as JSON");
  }
  for (auto* one : {switch_on, switch_off}) {
    one->add_option("--workflow", contingency.workflows, "Only this workflow; may be repeated")
        ->type_name("NAME")
        ->type_size(1)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    one->add_option("--reason", contingency.reason, "Why; the journal keeps it")->type_name("TEXT");
  }
  switch_on->add_option("--for", contingency.lasts, "Ends by itself after this time (30m, 2h)")->type_name("DURATION");

  key_command key;
  auto* on_key = app.add_subcommand("key", "Make a key of your own for a caller")->group("Commands");
  auto* new_key = on_key->add_subcommand("new", "Print a new key once, and the line for the configuration");
  new_key->add_option("NAME", key.name, "Name of the caller, for logs")->required();
  new_key->add_option("--workflow", key.workflow, "Workflow that the key is bound to")->type_name("NAME");
  new_key->add_flag("--json", key.json, "Print the result as JSON");
  readiness_command readiness;
  auto* on_readiness =
      app.add_subcommand("readiness", "Check whether the local tier works, with a small test")->group("Commands");
  on_readiness->footer("Exit code 0: ready, 1: degraded, 2: down, 3: unknown; 78: the configuration has errors.");
  with_door(*on_readiness, readiness.door);
  on_readiness->add_flag("--json", readiness.json, "Print the result as JSON");
  on_readiness->add_flag("--once", readiness.once, "Make the checks here, without asking a running daemon");

  explain_command explain;
  auto* on_explain =
      app.add_subcommand("explain", "Say what would happen to a request, and which rule says so")->group("Commands");
  on_explain->footer(
      "Asks the running daemon, which knows breakers and queues; else explains from the configuration.\n"
      "Nothing is sent to a cloud. Exit code 0: explained, 1: no answer, 2: no such request, 78: configuration.");
  on_explain->add_option("--workflow", explain.workflow, "As X-Tideover-Workflow")->type_name("NAME");
  on_explain->add_option("--model", explain.model, "The model that the caller names")->type_name("NAME");
  on_explain->add_option("--path", explain.path, "Path and query (/v1/chat/completions)")->type_name("PATH");
  on_explain->add_option("--method", explain.method, "POST, or GET where the path takes no POST")->type_name("METHOD");
  on_explain->add_option("--header", explain.headers, "A field of the head; may be repeated")
      ->type_name("'NAME: VALUE'")
      ->type_size(1)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  on_explain->add_option("--client", explain.client, "As if this key of clients.keys were used")->type_name("NAME");
  on_explain->add_option("--request", explain.request_file, "The body (a short one); - reads standard input")
      ->type_name("FILE");
  on_explain->add_flag("--offline", explain.offline, "From the configuration, without asking a running daemon");
  with_door(*on_explain, explain.door);
  on_explain->add_flag("--json", explain.json, "Print the result as JSON");

  version_command version;
  auto* on_version = app.add_subcommand("version", "Print the version")->group("Commands");
  on_version->add_flag("--json", version.json, "Print the result as JSON");

  // Options before the command are only -h and -V, so the first plain word is the command.
  const auto first = std::find_if(words.begin(), words.end(), [](const std::string& w) { return !w.starts_with('-'); });
  if (first != words.end() && (first == words.begin() || words.front() == "--help"))
    if (auto wrong = unknown_command(*first)) return *wrong;

  command_line_result result;
  try {
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.parse(words);
  } catch (const CLI::CallForHelp& e) {
    std::ostringstream out;
    std::ostringstream err;
    result.exit_code = app.exit(e, out, err);
    result.out = out.str();
    return result;
  } catch (const CLI::Error& e) {
    return refused_by_parser(app, e);
  }

  if (const auto rest = app.remaining(true); !rest.empty()) return unexpected(app, rest.front());

  if (version_flag) {
    result.command = version_command{};
  } else if (on_run->parsed()) {
    if (workers) {
      const auto number = config::parse_integer(*workers);
      if (!number || *number < 1 || *number > 1024)
        return refused("--workers: " + in_ticks(*workers) + " is not a number from 1 to 1024");
      flags.workers = static_cast<std::size_t>(*number);
    }
    result.command = std::move(run);
  } else if (on_check->parsed()) {
    result.command = std::move(check);
  } else if (on_schema->parsed()) {
    result.command = schema_command{};
  } else if (on_env->parsed()) {
    result.command = std::move(env);
  } else if (on_status->parsed()) {
    result.command = std::move(status);
  } else if (on_contingency->parsed()) {
    using action = contingency_command::action;
    contingency.what = switch_on->parsed() ? action::on : switch_off->parsed() ? action::off : action::show;
    if (!switch_on->parsed() && !switch_off->parsed() && !show->parsed())
      return refused("say `tideover contingency on`, `off` or `status`; see `tideover contingency --help`");
    if (contingency.what == action::on && (!contingency.reason || contingency.reason->empty()))
      return refused("--reason is missing: say why, the journal keeps it (--reason \"outage at the provider\")");
    if (contingency.lasts)
      if (const auto span = config::parse_duration(*contingency.lasts); !span)
        return refused("--for: " + in_ticks(*contingency.lasts) + " " + span.error);
    result.command = std::move(contingency);
  } else if (on_key->parsed()) {
    if (!new_key->parsed()) return refused("say `tideover key new NAME`; see `tideover key --help`");
    if (!config::is_plain_name(key.name, true))
      return refused(in_ticks(key.name) + " is no name for a key: letters, digits, `_`, `-` and `.`, at most 64");
    if (key.workflow && !config::is_plain_name(*key.workflow, true))
      return refused(in_ticks(*key.workflow) + " is no name of a workflow");
    result.command = std::move(key);
  } else if (on_readiness->parsed()) {
    result.command = std::move(readiness);
  } else if (on_explain->parsed()) {
    result.command = std::move(explain);
  } else if (on_version->parsed()) {
    result.command = version;
  } else {
    result = refused("no command given; `tideover run` starts the proxy");
    result.err += "\n" + app.help();
  }
  return result;
}

void print_problems(const std::vector<config::problem>& problems, std::ostream& err) {
  for (const auto& p : problems) err << p.to_string() << '\n';
}

int run_check(const check_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  config::overrides flags;
  flags.config_file = command.config_file;
  auto result = config::load(flags, world);
  for (auto& p : result.problems)
    if (p.error_in_check) p.level = config::severity::error;
  const bool fine = result.ok() && std::none_of(result.problems.begin(), result.problems.end(),
                                                [](const auto& p) { return p.level == config::severity::error; });
  if (command.json) {
    nlohmann::json document{{"ok", fine}, {"problems", nlohmann::json::array()}};
    for (const auto& p : result.problems) document["problems"].push_back(to_json(p));
    if (result.ok()) {
      document["file"] = result.snapshot->source.empty() ? nlohmann::json() : nlohmann::json(result.snapshot->source);
      document["upstreams"] = result.snapshot->upstreams.size();
      document["workflows"] = result.snapshot->workflows.size();
    }
    out << dump(document);
    return fine ? exit_ok : exit_configuration;
  }
  print_problems(result.problems, err);
  if (!fine) return exit_configuration;
  const auto& made = *result.snapshot;
  out << "configuration OK: " << (made.source.empty() ? "built-in defaults" : made.source) << " ("
      << count(made.upstreams.size(), "upstream") << ", " << count(made.workflows.size(), "workflow") << ")\n";
  return exit_ok;
}

int run_schema(std::ostream& out) {
  out << config::json_schema();
  return exit_ok;
}

int run_env(const env_command& command, const config::surroundings& world, std::ostream& out, std::ostream& err) {
  config::overrides flags;
  flags.config_file = command.config_file;
  const auto result = config::load(flags, world);
  if (!result.ok()) {
    print_problems(result.problems, err);
    return exit_configuration;
  }
  const auto& listener = result.snapshot->listeners.front();
  if (listener.at.port == 0) {
    err << "tideover: the listener takes any free port, which is known only once it runs: see `tideover run "
           "--ready-file`\n";
    return exit_failure;
  }
  config::url base{
      .tls = listener.tls.has_value(), .host = listener.at.host, .port = listener.at.port, .base_path = {}};
  // An address to listen on everywhere is not one to connect to.
  if (base.host == "0.0.0.0") base.host = "127.0.0.1";
  if (base.host == "::") base.host = "::1";
  const std::string openai = base.to_string() + "/v1";
  const std::string anthropic = base.to_string();
  if (command.json) {
    out << dump({{"OPENAI_BASE_URL", openai}, {"ANTHROPIC_BASE_URL", anthropic}});
  } else {
    out << "export OPENAI_BASE_URL=" << openai << "\nexport ANTHROPIC_BASE_URL=" << anthropic << '\n';
  }
  return exit_ok;
}

int run_version(const version_command& command, std::ostream& out) {
  if (command.json) {
    out << dump({{"name", "tideover"}, {"version", TIDEOVER_VERSION}});
  } else {
    out << "tideover " << TIDEOVER_VERSION << '\n';
  }
  return exit_ok;
}

}  // namespace tideover::app
