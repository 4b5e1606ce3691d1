// `run`: the only command that serves.
#include "command_table.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {

void add_run_command(command_table& table) {
  auto& entry = table.add(table.app(), "run", "Run the proxy in the foreground", "Run and operate");
  auto said = std::make_shared<run_command>();
  auto workers = std::make_shared<std::optional<std::string>>();
  auto& flags = said->flags;
  auto& at = *entry.at;
  with_config(at, flags.config_file);
  repeatable(*at.add_option("--listen", flags.listen,
                            "Where callers connect (127.0.0.1:6837); may be repeated;\nport 0 takes a free one")
                  ->type_name("HOST:PORT"));
  at.add_option("--admin", flags.admin, "Where health, metrics and status are (127.0.0.1:6838)")
      ->type_name("HOST:PORT");
  at.add_option("--cloud", flags.cloud_url, "The OpenAI-compatible cloud (https://api.openai.com)")->type_name("URL");
  at.add_option("--local", flags.local_url, "The local Ollama ($OLLAMA_HOST, else http://127.0.0.1:11434)")
      ->type_name("URL");
  at.add_option("--local-model", flags.local_model, "Local model that stands in for every cloud model")
      ->type_name("NAME");
  at.add_option("--log-level", flags.log_level, "The least important kind of line (info)")
      ->type_name("trace|debug|info|warn|error");
  at.add_option("--workers", *workers, "Threads that serve requests (one per core)")->type_name("N");
  at.add_option("--ready-file", said->ready_file, "Write the bound addresses to this file once serving")
      ->type_name("FILE");
  at.add_flag("--demo", said->demo, "Try it without cloud and Ollama: both are played by this process");
  entry.notes =
      "Flags win over TIDEOVER_* environment variables, these over the file.\n"
      "SIGTERM and SIGINT let running requests finish, then stop.";
  entry.examples = {{"tideover run", "Clouds and Ollama where they usually are, callers' own keys."},
                    {"tideover run --demo", "An outage, played through in one process: needs no key and no Ollama."},
                    {"tideover run --local http://gpu-box:11434 --local-model llama3.1:8b", ""}};
  entry.exit_codes = {{exit_ok, "stopped"},
                      {exit_failure, "could not start or go on"},
                      {exit_usage, "wrong words on the command line"},
                      {exit_configuration, "the configuration has errors"}};
  entry.taken = [said, workers] {
    command_line_result result;
    if (*workers) {
      const auto number = config::parse_integer(**workers);
      if (!number || *number < 1 || *number > 1024)
        return refused("--workers: " + in_ticks(**workers) + " is not a number from 1 to 1024");
      said->flags.workers = static_cast<std::size_t>(*number);
    }
    result.command = *said;
    return result;
  };
}

}  // namespace tideover::app
