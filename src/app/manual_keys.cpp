// tideover.yaml(5) and docs/reference/configuration.md, walked from the table of keys.
#include <limits>
#include <ostream>

#include "manual_facts.hpp"
#include "tideover/app/manual.hpp"
#include "tideover/config/table.hpp"
#include "tideover/config/values.hpp"

namespace tideover::app {
namespace {

using config::key_node;
using config::key_row;
using config::value_kind;

/// `upstreams.*.url` as people write it: `upstreams.NAME.url`.
std::string shown_path(std::string_view path) {
  std::string text(path);
  for (std::size_t at; (at = text.find(".*")) != std::string::npos;) text.replace(at, 2, ".NAME");
  return text;
}

std::string last_part(std::string_view path) {
  const auto dot = path.rfind('.');
  return std::string(dot == std::string_view::npos ? path : path.substr(dot + 1));
}

std::string bound_text(value_kind kind, std::int64_t bound) {
  if (kind == value_kind::span) return config::duration_text(std::chrono::milliseconds(bound));
  if (kind == value_kind::size) return config::size_text(static_cast<std::uint64_t>(bound));
  return std::to_string(bound);
}

std::string choices_text(std::string_view choices) {
  std::string text;
  for (char c : choices) text += c == '|' ? std::string(", ") : std::string(1, c);
  return text;
}

std::string type_text(const key_node& node) {
  const auto& row = *node.row;
  std::string text;
  switch (row.kind) {
    case value_kind::map: return "keys and values";
    case value_kind::map_of: return "names, with keys below each";
    case value_kind::list: {
      const auto kind = node.element != nullptr ? node.element->row->kind : value_kind::mixed;
      return kind == value_kind::map           ? "list of keys and values"
             : kind == value_kind::host        ? "list of host names"
             : kind == value_kind::web_address ? "list of URLs"
                                               : "list of names";
    }
    case value_kind::text:
    case value_kind::prose: return "text";
    case value_kind::path: return "path of a file";
    case value_kind::socket_path: return "path of a unix socket";
    case value_kind::boolean: return "true, false";
    case value_kind::number: return "number";
    case value_kind::choice: return choices_text(row.choices);
    case value_kind::web_address: return "URL";
    case value_kind::address: return "HOST:PORT";
    case value_kind::secret_ref: return "reference to a secret";
    case value_kind::host: return "host name";
    case value_kind::origin: return "origin of web pages";
    case value_kind::mixed: return "any";
    case value_kind::integer: text = "whole number"; break;
    case value_kind::auto_or_integer: text = "auto, or a whole number"; break;
    case value_kind::span: text = "duration"; break;
    case value_kind::size: text = "size"; break;
  }
  const bool bounded = row.most != std::numeric_limits<std::int64_t>::max();
  if (bounded) text += ", " + bound_text(row.kind, row.least) + " to " + bound_text(row.kind, row.most);
  return text;
}

std::string example_value(const key_row& row) {
  if (!row.example.empty()) return std::string(row.example);
  if (!row.default_text.empty()) return std::string(row.default_text);
  return std::string(row.choices.substr(0, row.choices.find('|')));
}

/// `connect: 3s`; empty for keys that only hold others.
std::string example_text(const key_node& node) {
  const auto& row = *node.row;
  const auto name = last_part(row.path);
  if (row.kind == value_kind::list && node.element != nullptr && node.element->row->kind != value_kind::map)
    return name + ": [" + example_value(*node.element->row) + "]";
  const auto value = example_value(row);
  return value.empty() ? std::string() : name + ": " + value;
}

/// Every key below that somebody may write, elements of lists and names of one's own not counted as keys.
void visit(const key_node& node, const std::function<void(const key_node&)>& what) {
  for (const auto& [name, child] : node.keys) {
    if (!child->row->supported) continue;
    what(*child);
    visit(*child, what);
  }
  if (node.any_key != nullptr) visit(*node.any_key, what);
  if (node.element != nullptr) visit(*node.element, what);
}

std::string default_text(const key_row& row) {
  if (row.required) return "required";
  return row.default_text.empty() ? "–" : std::string(row.default_text);
}

std::string not_yet() {
  std::string text;
  for (const auto& [name, child] : config::key_tree().keys)
    if (!child->row->supported) text += (text.empty() ? "`" : ", `") + std::string(name) + "`";
  return text;
}

constexpr std::string_view forms =
    "Durations are whole numbers with a unit (500ms, 3s, 5m, 2h, 90d), and so are sizes (64KiB, 32MiB, 1GiB). "
    "${NAME} and ${NAME:-default} put in environment variables; $$ is a dollar sign. Secrets never stand in the file: "
    "{env: NAME}, {file: PATH} or {credential: NAME} (of systemd) say where they are. Relative paths start at the "
    "folder of the file.";
constexpr std::string_view strict =
    "The file is strict: an unknown key, a wrong unit or an impossible combination is an error, and all errors are "
    "reported at once. `tideover check` finds them, `tideover reload` puts a good file into force.";

constexpr std::string_view small_file = R"(upstreams:
  openai:
    tier: cloud
    dialect: openai
    url: https://api.openai.com
  ollama:
    tier: local
    dialect: ollama
    url: http://127.0.0.1:11434
models:
  - {cloud: "*codex*", local: qwen2.5-coder:7b}
  - {cloud: "*", local: llama3.1:8b}
workflows:
  legal: {policy: local_only}
)";

}  // namespace

std::string key_markdown() {
  std::string text =
      "# Configuration file\n\n"
      "<!-- Written by tests/unit/app from the table of keys: "
      "TIDEOVER_UPDATE_DOCS=1. -->\n\n";
  text +=
      "Every key of `tideover.yaml`. `--config FILE`, else `$TIDEOVER_CONFIG`, else `/etc/tideover/tideover.yaml`, "
      "else\n`$XDG_CONFIG_HOME/tideover/tideover.yaml`, else none: the defaults below are valid, safe and useful.\n\n";
  text += std::string(strict) + "\n\n" + std::string(forms) + "\n\n";
  text +=
      "[config/tideover.example.yaml](../../config/tideover.example.yaml) has them all in place; "
      "`tideover init` writes a first file that fits the\nmachine, `tideover schema` prints a JSON Schema for "
      "editors.\n\n```yaml\n" +
      std::string(small_file) + "```\n";
  for (const auto& [name, top] : config::key_tree().keys) {
    if (!top->row->supported) continue;
    text += "\n## " + std::string(name) + "\n\n" + std::string(top->row->description) + "\n\n";
    text += "| Key | Type | Default | Meaning | Example |\n|---|---|---|---|---|\n";
    const auto row_of = [&](const key_node& node) {
      const auto example = example_text(node);
      text += "| `" + shown_path(node.row->path) + "` | " + cell(type_text(node)) + " | " +
              cell(node.row->default_text.empty() || node.row->required ? default_text(*node.row)
                                                                        : "`" + default_text(*node.row) + "`") +
              " | " + cell(node.row->description) + " | " + (example.empty() ? "" : "`" + cell(example) + "`") + " |\n";
    };
    if (!example_text(*top).empty()) row_of(*top);  // of the others the words above say all
    visit(*top, row_of);
  }
  if (const auto names = not_yet(); !names.empty())
    text += "\n## Not in this version\n\nKnown, and refused until a later version has them: " + names + ".\n";
  return text;
}

std::string key_manual() {
  std::string text = ".TH TIDEOVER.YAML 5 \"\" \"tideover " TIDEOVER_VERSION "\" \"File Formats\"\n";
  text += ".SH NAME\ntideover.yaml \\- configuration of the tideover failover proxy\n.SH DESCRIPTION\n";
  text += roff(strict) + "\n.PP\n" + roff(forms) + "\n.PP\nWithout a file the defaults hold.\n";
  text += ".SH EXAMPLE\n.EX\n" + roff(small_file) + ".EE\n.SH KEYS\n";
  for (const auto& [name, top] : config::key_tree().keys) {
    if (!top->row->supported) continue;
    text += ".SS " + roff(name) + "\n" + roff(top->row->description) + "\n";
    const auto entry_of = [&](const key_node& node) {
      text += ".TP\n.B " + roff(shown_path(node.row->path)) + "\n" + roff(node.row->description) + "\n.br\n" +
              roff(type_text(node));
      text += node.row->required               ? "; required"
              : node.row->default_text.empty() ? ""
                                               : "; default " + roff(node.row->default_text);
      const auto example = example_text(node);
      text += (example.empty() ? "" : "; example: " + roff(example)) + "\n";
    };
    if (!example_text(*top).empty()) entry_of(*top);
    visit(*top, entry_of);
  }
  text += ".SH SEE ALSO\n.BR tideover (1)\n";
  return text;
}

int run_man(const man_command& command, std::ostream& out) {
  out << (command.page == "tideover" ? command_manual() : key_manual());
  return exit_ok;
}

}  // namespace tideover::app
