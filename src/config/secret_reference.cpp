#include "tideover/config/secret_reference.hpp"

#include <algorithm>
#include <optional>

#include "tideover/config/values.hpp"

namespace tideover::config {
namespace {

constexpr auto how = "write {env: NAME}, {file: PATH} or {credential: NAME}";

// Editors and `echo` end a file with a line break that is no part of the secret.
std::optional<std::string> without_line_end(std::optional<std::string> text) {
  while (text && (text->ends_with('\n') || text->ends_with('\r'))) text->pop_back();
  return text;
}

bool looks_like_a_variable(std::string_view name) {
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::optional<std::string> from_credentials(const std::string& name, const surroundings& world, std::string& error) {
  const auto folder = world.environment("CREDENTIALS_DIRECTORY");
  if (!folder || folder->empty()) {
    error = "$CREDENTIALS_DIRECTORY is not set: systemd sets it for units with LoadCredential=";
    return std::nullopt;
  }
  if (name.find('/') != std::string::npos || name == "." || name == "..") {
    error = "is not the name of a credential: write the name that stands in LoadCredential=";
    return std::nullopt;
  }
  auto content = world.read_file(*folder + "/" + name);
  if (!content) error = "systemd handed over no such credential: check LoadCredential= in the unit";
  return without_line_end(std::move(content));
}

}  // namespace

resolved_secret resolve_secret(const yaml_node& node, const std::string& folder, const surroundings& world) {
  resolved_secret result;
  const auto refuse = [&](place at, std::string why) {
    result.at = at;
    result.error = std::move(why);
    return std::move(result);
  };
  if (node.what == yaml_node::kind::scalar)
    return refuse(node.at, std::string("secrets do not stand in this file: ") + how);
  if (node.what != yaml_node::kind::map || node.entries.size() != 1 || !node.entries.front().key_is_text)
    return refuse(node.at, std::string("is not one reference to a secret: ") + how);
  const auto& entry = node.entries.front();
  if (entry.key != "env" && entry.key != "file" && entry.key != "credential")
    return refuse(entry.at, std::string("is not a reference to a secret: ") + how);
  result.key = entry.key;
  const bool named = entry.value && entry.value->what == yaml_node::kind::scalar && !entry.value->text.empty();
  if (!named) return refuse(entry.at, std::string("names nothing: ") + how);
  result.at = entry.value->at;
  const auto name = expand_variables(entry.value->text, world.environment);
  if (!name) return refuse(result.at, name.error);

  std::optional<std::string> content;
  if (entry.key == "env") {
    content = world.environment((*name).text);
    if (!content)  // what does not look like a name may be the key itself
      return refuse(result.at,
                    (looks_like_a_variable(entry.value->text) ? "the environment variable " + entry.value->text
                                                              : "the environment variable named here") +
                        std::string(" is not set: set it where Tideover is started"));
  } else if (entry.key == "file") {
    const std::string full = (*name).text.starts_with('/') ? (*name).text : folder + (*name).text;
    content = without_line_end(world.read_file(full));
    if (!content)
      return refuse(result.at,
                    "the secret file cannot be read: check that it exists and that Tideover's user may read it");
    result.file = full;
  } else {
    content = from_credentials((*name).text, world, result.error);
    if (!content) return result;
  }
  result.value = secret(std::move(*content));
  result.error = objection_to_secret(result.value.reveal_for_wire());
  return result;
}

bool is_world_readable(const std::string& path, const surroundings& world) {
  const auto mode = world.mode ? world.mode(path) : std::nullopt;
  return mode && (*mode & 0004u) != 0;
}

std::string objection_to_secret(std::string_view text) {
  if (text.empty()) return "the secret is empty";
  if (text.size() > 16'384) return "the secret is longer than 16 KiB: is it the right one?";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      return "the secret holds a control character, such as a line break in the middle: write it as one line";
    if (byte >= 0x80)
      return "the secret holds a character that is not ASCII: keys are plain ASCII; check for a byte order mark";
  }
  if (text.front() == ' ' || text.back() == ' ') return "the secret begins or ends with a space: remove it";
  return {};
}

}  // namespace tideover::config
