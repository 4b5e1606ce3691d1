// Commands that talk to a running daemon.
#include "command_table.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

constexpr auto group = "Run and operate";

void add_status(command_table& table) {
  auto& entry = table.add(table.app(), "status", "Show what the running daemon does and what stands in its way", group);
  auto said = std::make_shared<status_command>();
  with_door(*entry.at, said->door);
  entry.at->add_flag("--watch", said->watch, "Show it again whenever it changes, until interrupted");
  with_json(*entry.at, said->json);
  entry.notes =
      "The first line says who answers apps now; below it stands what is in the way, and how to mend it.\n"
      "--watch redraws in place on a terminal, and prints one block per change elsewhere, with --json one\n"
      "document per line; while the daemon is away it says so and waits for it. It exits with 0 when\n"
      "interrupted, or when nobody reads any more.";
  entry.examples = {{"tideover status", ""},
                    {"tideover status --watch", ""},
                    {"tideover status --json | jq -r .health", "ok, degraded or contingency"},
                    {"tideover status --json --watch | jq --unbuffered -r .health", "A line with each change."}};
  entry.exit_codes = {{exit_ok, "fine"},
                      {exit_failure, "no answer"},
                      {exit_usage, "wrong words on the command line"},
                      {exit_degraded, "degraded"},
                      {exit_contingency, "contingency"}};
  entry.taken = take(std::move(said));
}

void add_contingency(command_table& table) {
  auto& parent =
      table.add(table.app(), "contingency", "Keep requests from the cloud, or let them go there again", group);
  parent.examples = {{"tideover contingency on --reason \"outage at the provider\" --for 2h", ""},
                     {"tideover contingency on --workflow sales --reason \"audit\"", "Only this workflow."},
                     {"tideover contingency off", ""}};
  parent.taken = [] {
    return refused("say `tideover contingency on`, `off` or `status`; see `tideover contingency --help`");
  };
  using action = contingency_command::action;
  struct row {
    const char* name;
    const char* description;
    action what;
  };
  for (const auto& [name, description, what] :
       {row{"on", "From now on no cloud is asked", action::on}, row{"off", "Lift what operators decided", action::off},
        row{"status", "Show what is in contingency, and who said so", action::show}}) {
    auto& entry = table.add(*parent.at, name, description);
    auto said = std::make_shared<contingency_command>();
    said->what = what;
    with_door(*entry.at, said->door);
    with_json(*entry.at, said->json);
    if (what != action::show) {
      repeatable(*entry.at->add_option("--workflow", said->workflows, "Only this workflow; may be repeated")
                      ->type_name("WORKFLOW"));
      entry.at->add_option("--reason", said->reason, "Why; the journal keeps it")->type_name("TEXT");
    }
    if (what == action::on) {
      entry.at->add_option("--for", said->lasts, "Ends by itself after this time (30m, 2h)")->type_name("DURATION");
      entry.notes = "In force for the next request everywhere; requests that run finish where they are.";
      entry.examples = {parent.examples[0], parent.examples[1]};
    } else if (what == action::off) {
      entry.notes = "What TIDEOVER_CONTINGENCY or the file impose stays; the answer says how to lift it.";
    }
    entry.taken = [said] {
      if (said->what == action::on && (!said->reason || said->reason->empty()))
        return refused("--reason is missing: say why, the journal keeps it (--reason \"outage at the provider\")");
      if (said->lasts)
        if (const auto span = config::parse_duration(*said->lasts); !span)
          return refused("--for: " + in_ticks(*said->lasts) + " " + span.error);
      command_line_result result;
      result.command = *said;
      return result;
    };
  }
}

void add_readiness(command_table& table) {
  auto& entry = table.add(table.app(), "readiness", "Check whether the local tier works, with a small test", group);
  auto said = std::make_shared<readiness_command>();
  with_door(*entry.at, said->door);
  with_json(*entry.at, said->json);
  entry.at->add_flag("--once", said->once, "Make the checks here, without asking a running daemon");
  entry.notes = "The exit codes are those of monitoring plugins (Nagios, Icinga, cron).";
  entry.examples = {{"tideover readiness", ""},
                    {"tideover readiness --once --json", "For scripts, on a machine without a daemon."}};
  entry.exit_codes = {{0, "ready"},
                      {1, "degraded"},
                      {2, "down, or wrong words on the command line"},
                      {3, "unknown"},
                      {exit_configuration, "the configuration has errors"}};
  entry.taken = take(std::move(said));
}

void add_reload(command_table& table) {
  auto& entry = table.add(table.app(), "reload", "Let the running daemon read its configuration again", group);
  auto said = std::make_shared<reload_command>();
  with_door(*entry.at, said->door);
  with_json(*entry.at, said->json);
  entry.notes =
      "The file is checked first: a bad one changes nothing. Requests that run keep the configuration they\n"
      "began with, and none is dropped. SIGHUP does the same, and says in the log how it went.";
  entry.examples = {{"tideover reload", "Prints what changed, or what is wrong with the file."},
                    {"sudoedit /etc/tideover/tideover.yaml && tideover check && tideover reload", ""}};
  entry.exit_codes = {{exit_ok, "done"},
                      {exit_failure, "no daemon, or it refused"},
                      {exit_usage, "wrong words on the command line"},
                      {exit_configuration, "the configuration has errors: nothing changed"}};
  entry.taken = take(std::move(said));
}

void add_explain(command_table& table) {
  auto& entry = table.add(table.app(), "explain", "Say what would happen to a request, and which rule says so", group);
  auto said = std::make_shared<explain_command>();
  entry.at->add_option("--workflow", said->workflow, "As X-Tideover-Workflow")->type_name("WORKFLOW");
  entry.at->add_option("--model", said->model, "The model that the caller names")->type_name("NAME");
  entry.at->add_option("--path", said->path, "Path and query (/v1/chat/completions)")->type_name("TARGET");
  entry.at->add_option("--method", said->method, "POST, or GET where the path takes no POST")->type_name("METHOD");
  repeatable(*entry.at->add_option("--header", said->headers, "A field of the head; may be repeated")
                  ->type_name("'NAME: VALUE'"));
  entry.at->add_option("--client", said->client, "As if this key of clients.keys were used")->type_name("NAME");
  entry.at->add_option("--request", said->request_file, "The body (a short one); - reads standard input")
      ->type_name("FILE");
  entry.at->add_flag("--offline", said->offline, "From the configuration, without asking a running daemon");
  with_door(*entry.at, said->door);
  with_json(*entry.at, said->json);
  entry.notes =
      "Asks the running daemon, which knows breakers and queues; else explains from the configuration.\n"
      "Nothing is sent to a cloud.";
  entry.examples = {{"tideover explain --workflow legal", "Who sees the prompts of this workflow?"},
                    {"tideover explain --request body.json", "What becomes of this request, field by field?"},
                    {"tideover explain --path /v1/files --offline", ""}};
  entry.exit_codes = {{exit_ok, "explained"},
                      {exit_failure, "no answer, or a file that cannot be read"},
                      {exit_usage, "no such request, or wrong words on the command line"},
                      {exit_configuration, "the configuration has errors"}};
  entry.taken = take(std::move(said));
}

}  // namespace

void add_daemon_commands(command_table& table) {
  add_status(table);
  add_contingency(table);
  add_explain(table);
  add_reload(table);
  add_readiness(table);
}

}  // namespace tideover::app
