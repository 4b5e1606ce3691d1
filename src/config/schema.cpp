// JSON Schema (draft 2020-12) from the table, for editors: completion, descriptions, and red lines under mistakes.
#include <nlohmann/json.hpp>
#include <set>

#include "tideover/config/load.hpp"
#include "tideover/config/table.hpp"

namespace tideover::config {
namespace {

using json = nlohmann::ordered_json;

constexpr auto variable_pattern = R"(\$\{)";  // any value may be, or hold, a variable

// What the schema says of a value is what the loader says of it once variables are put in.
json or_variable(json type) {
  return {{"anyOf", json::array({std::move(type), {{"type", "string"}, {"pattern", variable_pattern}}})}};
}

json words(std::string_view choices) {
  json all = json::array();
  while (!choices.empty()) {
    const auto bar = choices.find('|');
    all.push_back(choices.substr(0, bar));
    choices = bar == std::string_view::npos ? std::string_view{} : choices.substr(bar + 1);
  }
  return all;
}

json default_of(const key_row& row) {
  if (row.kind == value_kind::boolean || row.kind == value_kind::integer || row.kind == value_kind::number)
    return json::parse(row.default_text, nullptr, false);
  return row.default_text;
}

json describe(const key_node& node);

json object_of(const key_node& node) {
  json made{{"type", "object"}};
  if (node.any_key) {
    made["additionalProperties"] = describe(*node.any_key);
    made["propertyNames"] = {{"pattern", node.row->path == "workflows" ? "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
                                                                       : "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"}};
    return made;
  }
  made["additionalProperties"] = false;
  made["properties"] = json::object();
  json required = json::array();
  for (const auto& [name, child] : node.keys) {
    made["properties"][std::string(name)] = describe(*child);
    if (child->row->required) required.push_back(name);
  }
  if (!required.empty()) made["required"] = required;
  return made;
}

json type_of(const key_node& node) {
  const key_row& row = *node.row;
  switch (row.kind) {
    case value_kind::map:
    case value_kind::map_of: return object_of(node);
    case value_kind::list: return {{"type", "array"}, {"items", describe(*node.element)}};
    case value_kind::boolean: return or_variable({{"type", "boolean"}});
    case value_kind::number: return or_variable({{"type", "number"}});
    case value_kind::integer: {
      json type{{"type", "integer"}, {"minimum", row.least}};
      if (row.most != std::numeric_limits<std::int64_t>::max()) type["maximum"] = row.most;
      return or_variable(std::move(type));
    }
    case value_kind::span: return or_variable({{"type", "string"}, {"pattern", "^[0-9]+(ms|s|m|h|d)$"}});
    case value_kind::size: return or_variable({{"type", "string"}, {"pattern", "^[0-9]+(B|KiB|MiB|GiB)$"}});
    case value_kind::choice: return or_variable({{"enum", words(row.choices)}});
    case value_kind::web_address:
      return or_variable({{"type", "string"}, {"pattern", "^[Hh][Tt][Tt][Pp][Ss]?://[^@]+$"}});
    case value_kind::address: return or_variable({{"type", "string"}, {"pattern", "^.+:[0-9]+$"}});
    case value_kind::secret_ref: return {{"$ref", "#/$defs/secret"}};
    case value_kind::auto_or_integer:
      return or_variable(
          {{"anyOf",
            json::array({{{"const", "auto"}}, {{"type", "integer"}, {"minimum", row.least}, {"maximum", row.most}}})}});
    case value_kind::text:
    case value_kind::prose:
    case value_kind::path:
    case value_kind::socket_path:
    case value_kind::host: return {{"type", "string"}, {"minLength", 1}};
    case value_kind::origin:
      return or_variable({{"type", "string"}, {"pattern", "^[A-Za-z][A-Za-z0-9+.-]*://[^/@*]+$"}});
    case value_kind::mixed: return json::object();
  }
  return json::object();
}

json describe(const key_node& node) {
  const key_row& row = *node.row;
  json made = type_of(node);
  made["description"] = row.description;
  if (!row.default_text.empty()) made["default"] = default_of(row);
  if (!row.supported) {
    // Known, but the loader refuses it; so shall the editor.
    made["description"] = std::string(row.description) + " Not supported by this version.";
    made["not"] = json::object();
  }
  return made;
}

}  // namespace

std::string json_schema() {
  json made{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
            {"title", "Tideover configuration"},
            {"description", "Every key of tideover.yaml. Printed by `tideover schema`."}};
  made.update(object_of(key_tree()));
  json secret{{"description", "A reference to a secret; secrets themselves never stand in the file."},
              {"oneOf", json::array()}};
  for (const auto& [key, text] : {std::pair{"env", "Name of an environment variable."},
                                  std::pair{"file", "Path of a file that holds the secret and nothing else."},
                                  std::pair{"credential", "Name of a systemd credential (LoadCredential=)."}})
    secret["oneOf"].push_back({{"type", "object"},
                               {"properties", {{key, {{"type", "string"}, {"minLength", 1}, {"description", text}}}}},
                               {"required", json::array({key})},
                               {"additionalProperties", false}});
  made["$defs"]["secret"] = std::move(secret);
  return made.dump(2) + "\n";
}

}  // namespace tideover::config
