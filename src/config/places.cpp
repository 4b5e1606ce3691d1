#include "tideover/config/places.hpp"

namespace tideover::config {
namespace {

std::string environment_or_empty(const surroundings& world, const char* name) {
  return world.environment ? world.environment(name).value_or("") : std::string();
}

}  // namespace

std::string state_directory(const surroundings& world) {
  if (auto given = environment_or_empty(world, "STATE_DIRECTORY"); !given.empty())
    return given.substr(0, given.find(':'));  // one path per StateDirectory= of the unit (systemd.exec(5))
  if (world.is_root) return "/var/lib/tideover";
  if (const auto home = environment_or_empty(world, "XDG_STATE_HOME"); home.starts_with('/')) return home + "/tideover";
  if (const auto home = environment_or_empty(world, "HOME"); home.starts_with('/'))
    return home + "/.local/state/tideover";
  return {};
}

std::vector<std::string> usual_configuration_files(const surroundings& world) {
  std::vector<std::string> all{std::string(service_configuration_file)};
  if (const auto home = environment_or_empty(world, "XDG_CONFIG_HOME"); home.starts_with('/')) {
    all.push_back(home + "/tideover/tideover.yaml");
  } else if (const auto user = environment_or_empty(world, "HOME"); user.starts_with('/')) {
    all.push_back(user + "/.config/tideover/tideover.yaml");  // what an unset XDG_CONFIG_HOME stands for
  }
  return all;
}

std::vector<std::string> usual_admin_sockets(const surroundings& world) {
  std::vector<std::string> all{"/run/tideover/admin.sock"};
  if (const auto runtime = environment_or_empty(world, "XDG_RUNTIME_DIR"); runtime.starts_with('/'))
    all.push_back(runtime + "/tideover/admin.sock");
  return all;
}

}  // namespace tideover::config
