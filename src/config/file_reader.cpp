#include "tideover/config/file_reader.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "tideover/config/check.hpp"
#include "tideover/config/defaults.hpp"
#include "tideover/config/secret_reference.hpp"
#include "tideover/config/values.hpp"
#include "tideover/core/http_message.hpp"

namespace tideover::config {
namespace {

// Would YAML's core schema read this plain scalar as something other than a string?
bool looks_like_number_or_bool(std::string_view text) {
  static constexpr std::array<std::string_view, 6> words{"true", "True", "TRUE", "false", "False", "FALSE"};
  return std::find(words.begin(), words.end(), text) != words.end() || parse_number(text).value.has_value();
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(by);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string result;
  for (const auto word : words) {
    if (!result.empty()) result += ", ";
    result += word;
  }
  return result;
}

std::string name_of(yaml_node::kind kind) {
  switch (kind) {
    case yaml_node::kind::null: return "nothing";
    case yaml_node::kind::scalar: return "a single value";
    case yaml_node::kind::list: return "a list";
    case yaml_node::kind::map: return "keys and values";
  }
  return "something else";
}

class walker {
 public:
  walker(const std::string& file, const surroundings& world, snapshot& made) : file_(file), world_(world) {
    target_.made = std::move(made);
    if (const auto slash = file.rfind('/'); slash != std::string::npos) folder_ = file.substr(0, slash + 1);
  }

  reading run(std::string_view yaml, snapshot& made) {
    const auto document = read_yaml(yaml);
    if (!document.error.empty()) error(document.at, "", document.error);
    if (document.root && document.root->what == yaml_node::kind::map) {
      keys(*document.root, key_tree(), "");
      contingency_names();
      complete_upstreams();
    } else if (document.error.empty() && (!document.root || document.root->what == yaml_node::kind::null)) {
      target_.made.source_says_nothing = true;
      report(severity::warning, {}, "",
             "the file says nothing, so the built-in defaults are in force, with which every workflow may use the "
             "cloud: if that is meant, write {} into it");
    } else if (document.root) {
      error(document.root->at, "",
            "the file holds " + name_of(document.root->what) +
                ", but keys and values are wanted, such as `log: {level: info}`");
    }
    made = std::move(target_.made);
    return std::move(result_);
  }

 private:
  // --- problems ---------------------------------------------------------------------------------------------------

  problem& report(severity level, place at, std::string path, std::string message) {
    return result_.problems.emplace_back(
        problem{level, file_, at.line, at.column, std::move(path), printable_message(std::move(message))});
  }
  void error(place at, const std::string& path, std::string message) {
    report(severity::error, at, path, std::move(message));
  }
  // Parser messages may repeat a byte of the file; a terminal must not obey it.
  static std::string printable_message(std::string message) {
    for (char& c : message)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return message;
  }

  // --- structure --------------------------------------------------------------------------------------------------

  static std::string below(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }

  void keys(const yaml_node& node, const key_node& known, const std::string& path) {
    std::map<std::string_view, place> seen;
    std::set<std::string_view> meant;  // by misspelt keys: that these are missing was said with them
    for (const auto& entry : node.entries) {
      if (!entry.key_is_text || entry.key.empty()) {
        error(entry.at, path, "a key is missing or is not a plain word");
        continue;
      }
      const std::string full = below(path, printable(entry.key));
      if (const auto [first, fresh] = seen.try_emplace(entry.key, entry.at); !fresh) {
        error(entry.at, full,
              "is given twice, first in line " + std::to_string(first->second.line) + ": keep one of them");
        continue;
      }
      const key_node* child = known.find(entry.key);
      if (!child && known.any_key) {
        if (!name_is_good(entry, known, full)) continue;
        child = known.any_key;
      }
      if (!child) {
        error(entry.at, full, unknown_key(entry.key, known));
        if (const auto near = nearest(entry.key, supported(known)); !near.empty()) {
          meant.insert(near);
          result_.misspelt.emplace_back().path = below(path, near);
        }
      } else if (!child->row->supported) {
        error(entry.at, full, "is part of the configuration but not supported by this version: remove it");
      } else if (entry.value) {
        walk(*entry.value, *child, full, entry.at, entry.key);
      }
    }
    for (const auto& [name, child] : known.keys)
      if (child->row->required && child->row->supported && !seen.contains(name) && !meant.contains(name))
        error(result_.from.contains(path) ? result_.from.find(path)->second.at : node.at, below(path, name),
              "is missing: write " + std::string(example(*child->row)));
  }

  static std::string example(const key_row& row) {
    if (!row.choices.empty()) return "`" + std::string(name_part(row)) + ": " + joined_choices(row, " or ") + "`";
    if (!row.default_text.empty())
      return "`" + std::string(name_part(row)) + ": " + std::string(row.default_text) + "`";
    if (!row.example.empty()) return "`" + std::string(name_part(row)) + ": " + std::string(row.example) + "`";
    return std::string(what_is_wanted(row.kind));
  }
  static std::string wanted(const key_row& row) {
    return row.choices.empty() ? std::string(what_is_wanted(row.kind)) : joined_choices(row, " or ");
  }
  static std::string_view name_part(const key_row& row) { return row.path.substr(row.path.rfind('.') + 1); }
  static std::string joined_choices(const key_row& row, std::string_view by) {
    std::string text;
    for (const auto choice : split(row.choices, '|')) {
      if (!text.empty()) text += by;
      text += choice;
    }
    return text;
  }

  bool name_is_good(const yaml_entry& entry, const key_node& parent, const std::string& full) {
    const bool is_workflow = parent.row->path == "workflows";
    if (!is_plain_name(entry.key, is_workflow)) {
      error(entry.at, full,
            "is not a valid name: use up to 64 letters, digits, `_` and `-`, beginning with a letter or digit");
      return false;
    }
    if (is_workflow && is_reserved_workflow(entry.key)) {
      error(entry.at, full, "is a word with a meaning of its own for contingency: choose another name");
      return false;
    }
    return true;
  }

  static std::vector<std::string_view> supported(const key_node& known) {
    std::vector<std::string_view> names;
    for (const auto& [name, child] : known.keys)
      if (child->row->supported) names.push_back(name);
    return names;
  }

  static std::string unknown_key(std::string_view key, const key_node& known) {
    if (key == "<<") return "merge keys are not supported: repeat the keys, or use an alias for a whole value";
    const auto names = supported(known);
    std::string message = "unknown key";
    if (const auto near = nearest(key, names); !near.empty())
      return message + "; did you mean `" + std::string(near) + "`?";
    for (const auto& row : key_table())  // a key that is right, but in another place
      if (row.supported && row.path.ends_with("." + std::string(key)))
        return message + " here; did you mean `" + std::string(row.path) + "`?";
    return message + "; known here: " + joined(names);
  }

  void walk(const yaml_node& node, const key_node& key, const std::string& path, place key_place,
            std::string_view element_name = {}) {
    const key_row& row = *key.row;
    const bool is_container =
        row.kind == value_kind::map || row.kind == value_kind::map_of || row.kind == value_kind::list;
    result_.from[path] = {is_container ? key_place : node.at, {}};
    if (node.tagged) {
      error(node.at, path, "YAML tags mean nothing here: remove the `!…` before the value");
      return;
    }
    if (node.what == yaml_node::kind::null) {
      error(node.at, path, "has no value: remove the key, or write " + wanted(row));
      return;
    }
    switch (row.kind) {
      case value_kind::map:
      case value_kind::map_of:
        if (node.what != yaml_node::kind::map) return wrong_type(node, row, path);
        if (row.store) row.store(target_, row.path.ends_with(".*") ? value{std::string(element_name)} : value{});
        return keys(node, key, path);
      case value_kind::list:
        if (node.what != yaml_node::kind::list) return wrong_type(node, row, path);
        if (row.store) row.store(target_, value{});
        for (std::size_t i = 0; i < node.items.size(); ++i)
          walk(*node.items[i], *key.element, path + "[" + std::to_string(i) + "]", node.items[i]->at);
        return;
      case value_kind::secret_ref: return secret_reference(node, row, path);
      default: break;
    }
    if (node.what != yaml_node::kind::scalar) return wrong_type(node, row, path);
    scalar(node, row, path);
  }

  void wrong_type(const yaml_node& node, const key_row& row, const std::string& path) {
    error(node.at, path,
          "is " + name_of(node.what) + ", but " + std::string(what_is_wanted(row.kind)) +
              (row.kind == value_kind::map || row.kind == value_kind::map_of ? " are" : " is") + " wanted");
  }

  // --- single values ----------------------------------------------------------------------------------------------

  void scalar(const yaml_node& node, const key_row& row, const std::string& path) {
    const auto text = expand_variables(node.text, world_.environment);
    if (!text) return error(node.at, path, text.error);
    // What the file shows, never what a variable holds, and no URL at all: it may carry a password.
    std::string shown =
        row.kind == value_kind::web_address || row.kind == value_kind::path || node.text.find('@') != std::string::npos
            ? "the value"
            : "`" + printable(node.text) + "`";
    if ((*text).changed && shown.front() == '`') shown += ", once its variables are put in,";
    std::string why;
    auto made = read((*text).text, node, row, (*text).changed, path, why);
    if (!why.empty()) return error(node.at, path, shown + " " + why);
    if (std::holds_alternative<std::monostate>(made)) return;
    if (row.path == "contingency.workflows[]") contingency_list_.push_back({path, node.at, (*text).text, node.text});
    remember(path, row, node.text, (*text).text);
    row.store(target_, made);
  }

  /// What a variable or a file holds is compared, never shown.
  void remember(const std::string& path, const key_row& row, const std::string& written, std::string value) {
    if (row.kind == value_kind::path && !value.empty())
      value += '\0' + world_.read_file(value.front() == '/' ? value : folder_ + value).value_or("");
    const bool shown = row.kind != value_kind::prose && written.find('@') == std::string::npos;
    target_.made.settings[path] = {shown ? printable(written) : std::string(), sha256(value)};
  }

  // One value, or `why` not. Problems that need a sentence of their own are reported here and leave monostate.
  value read(const std::string& text, const yaml_node& node, const key_row& row, bool changed, const std::string& path,
             std::string& why) {
    const auto take = [&](auto parsed_value) -> value {
      why = std::move(parsed_value.error);
      if (parsed_value.value) return value{std::move(*parsed_value.value)};
      return {};
    };
    const bool literal_string = node.quoted && !changed;
    switch (row.kind) {
      case value_kind::boolean:
        if (literal_string) {
          why = "is a text in quotes: write true or false without them";
          return {};
        }
        return take(parse_bool(text));
      case value_kind::number: return take(parse_number(text));
      case value_kind::auto_or_integer:
        if (text == "auto") return text;
        [[fallthrough]];
      case value_kind::integer: {
        if (literal_string) {
          why = "is a text in quotes: write the number without them";
          return {};
        }
        auto number = parse_integer(text);
        if (!number && row.kind == value_kind::auto_or_integer) number.error = "is neither auto nor a whole number";
        if (number && (*number < row.least || *number > row.most))
          why = "is out of range: write a number from " + std::to_string(row.least) + " to " + std::to_string(row.most);
        return why.empty() ? take(number) : value{};
      }
      case value_kind::span: {
        const auto span = parse_duration(text);
        if (span && (*span < std::chrono::milliseconds(row.least) || *span > std::chrono::milliseconds(row.most)))
          why = "is out of range: write a duration from " + duration_text(std::chrono::milliseconds(row.least)) +
                " to " + duration_text(std::chrono::milliseconds(row.most));
        return why.empty() ? take(span) : value{};
      }
      case value_kind::size: {
        const auto size = parse_size(text);
        if (!size) {
          why = size.error;
          return {};
        }
        if (*size < static_cast<std::uint64_t>(row.least) || *size > static_cast<std::uint64_t>(row.most)) {
          why = "is out of range: write a size from " + size_text(static_cast<std::uint64_t>(row.least)) + " to " +
                size_text(static_cast<std::uint64_t>(row.most));
          return {};
        }
        return static_cast<std::int64_t>(*size);
      }
      case value_kind::choice: return choice(text, row, why);
      case value_kind::address: return take(parse_address(text));
      case value_kind::web_address: {
        auto reading = parse_url(text);
        why = reading.error;
        if (!reading) return {};
        if ((*reading).v1_dropped)
          report(severity::warning, node.at, path,
                 "ends in /v1, which callers' paths begin with already: it was left out");
        return (*reading).where;
      }
      case value_kind::host:
        if (kind_of_host(text) == host_kind::name && !is_host_name(text)) {
          why = "is not a host name: write it without scheme, port and `*`, such as ai.example.com";
          return {};
        }
        return lower_case(text);
      case value_kind::origin: return take(parse_origin(text));
      case value_kind::path: return readable_path(text, node, row, path);
      case value_kind::socket_path: {
        auto full = text.starts_with('/') ? text : folder_ + text;
        if (text.empty() || text.ends_with('/'))
          why = "is not the path of a unix socket, such as /run/tideover/admin.sock";
        if (full.size() > 90) why = "is too long for a unix socket: 90 bytes at most";
        return why.empty() ? value{std::move(full)} : value{};
      }
      case value_kind::prose: return prose(text, why);
      default: break;
    }
    if (!node.quoted && !changed && looks_like_number_or_bool(text)) {
      why = "is a number or a truth value, but a text is wanted: put it into quotes";
    } else if (text.empty()) {
      why = "is empty: write " + std::string(what_is_wanted(row.kind));
    } else if (text.size() > 256 || std::any_of(text.begin(), text.end(), [](char c) {
                 return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
               })) {
      why = "holds white space or control characters, or is longer than 256 characters";
    }
    return why.empty() ? value{text} : value{};
  }

  static value prose(const std::string& text, std::string& why) {
    constexpr std::size_t longest = 64u << 10;
    const auto is_control = [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    };
    if (text.find_first_not_of(" \t\n") == std::string::npos)
      why = "is empty: write the text, or remove the key";
    else if (text.size() > longest || std::any_of(text.begin(), text.end(), is_control))
      why = "holds control characters, or is longer than 64 KiB";
    return why.empty() ? value{text} : value{};
  }

  static std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), to_lower);
    return text;
  }

  static value choice(const std::string& text, const key_row& row, std::string& why) {
    const auto words = split(row.choices, '|');
    if (std::find(words.begin(), words.end(), text) != words.end()) return text;
    why = "is not one of " + joined(words);
    if (const auto near = nearest(text, words); !near.empty()) why += "; did you mean " + std::string(near) + "?";
    return {};
  }

  value readable_path(const std::string& text, const yaml_node& node, const key_row& row, const std::string& path) {
    const bool is_name = !text.empty() && text.size() < 4096 && text.find_first_of("\r\n") == std::string::npos &&
                         text.find("-----") == std::string::npos;
    if (!is_name) {
      error(node.at, path, "is not the path of a file: write the path, not what is in the file");
      return {};
    }
    const std::string full = text.starts_with('/') ? text : folder_ + text;
    const auto content = world_.read_file(full);
    if (!content) {
      error(node.at, path,
            "the file `" + printable(full) + "` cannot be read: check that it exists and its permissions");
      return {};
    }
    if (row.path == "listen[].tls.key") warn_if_world_readable(full, node.at, path);
    return full;
  }

  // --- secrets ----------------------------------------------------------------------------------------------------

  void warn_if_world_readable(const std::string& full, place at, const std::string& path) {
    if (!is_world_readable(full, world_)) return;
    report(severity::warning, at, path,
           "everybody on this machine can read the secret in `" + printable(full) + "`: run `chmod o-rwx` on it")
        .error_in_check = true;
  }

  void secret_reference(const yaml_node& node, const key_row& row, const std::string& path) {
    auto found = resolve_secret(node, folder_, world_);
    const std::string full = found.key.empty() ? path : path + "." + found.key;
    if (!found.file.empty()) warn_if_world_readable(found.file, found.at, full);
    if (!found.error.empty()) return error(found.at, full, std::move(found.error));
    target_.made.settings[path] = {{}, sha256(found.value.reveal_for_wire())};
    row.store(target_, value{std::move(found.value)});
  }

  // --- what only the whole file can tell --------------------------------------------------------------------------

  void contingency_names() {
    for (const auto& [path, at, name, shown] : contingency_list_)
      if (name != "all" && !target_.made.find_workflow(name))
        error(at, path, no_such_workflow(shown, target_.made, true));
  }

  void complete_upstreams() {
    for (auto& u : target_.made.upstreams) {
      const std::string path = "upstreams." + u.name;
      if (!result_.from.contains(path)) continue;  // not from this file
      const auto given = [&](std::string_view key) { return result_.from.contains(path + "." + std::string(key)); };
      if (u.tier == tier::local) {
        const timeouts usual = usual_timeouts(tier::local);
        if (!given("timeouts.connect")) u.timeouts.connect = usual.connect;
        if (!given("timeouts.first_content")) u.timeouts.first_content = usual.first_content;
        if (!given("timeouts.response")) u.timeouts.response = usual.response;
        if (!given("timeouts.reasoning")) u.timeouts.reasoning = usual.reasoning;
        if (!given("timeouts.idle")) u.timeouts.idle = usual.idle;
        if (!given("timeouts.total")) u.timeouts.total = usual.total;
      }
      if (given("url") && given("urls"))
        error(result_.from.find(path + ".urls")->second.at, path + ".urls",
              "`url` and `urls` are both given: keep one");
      if (!given("dialect")) {
        if (const auto own = parse_dialect(u.name)) {
          u.dialect = *own;
        } else if (u.tier == tier::local) {
          u.dialect = dialect::ollama;
        } else if (given("tier") && !complained_about(path + ".tier")) {
          error(result_.from.find(path)->second.at, path + ".dialect",
                "is missing: write `dialect: openai` or `dialect: anthropic`");
        }
      }
    }
  }

  const std::string& file_;
  const surroundings& world_;
  std::string folder_;
  building target_;
  reading result_;
  bool complained_about(const std::string& path) const {
    return std::any_of(result_.problems.begin(), result_.problems.end(),
                       [&](const problem& p) { return p.path == path; });
  }

  struct named_workflow {
    std::string path;
    place at;
    std::string name;
    std::string shown;  // as the file has it, variables not put in
  };
  std::vector<named_workflow> contingency_list_;  // judged once every workflow is known
};

}  // namespace

reading read_file_text(std::string_view yaml, const std::string& file, const surroundings& world, snapshot& made) {
  return walker(file, world, made).run(yaml, made);
}

}  // namespace tideover::config
