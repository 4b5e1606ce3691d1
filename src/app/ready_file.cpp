#include "ready_file.hpp"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace tideover::app {

void write_ready_file(const std::string& path, const bound_addresses& addresses) {
  nlohmann::json ready;
  ready["proxy"] = addresses.proxy;
  ready["admin"] = addresses.admin;
  if (!addresses.admin_socket.empty()) ready["socket"] = addresses.admin_socket;
  ready["pid"] = ::getpid();
  // Written beside and renamed, so that whoever waits for the file never reads half of it.
  std::string const beside = path + ".tmp";
  {
    std::ofstream file(beside, std::ios::trunc);
    file << ready.dump() << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write the ready file " + path);
  }
  if (std::rename(beside.c_str(), path.c_str()) != 0) throw std::runtime_error("cannot write the ready file " + path);
}

}  // namespace tideover::app
