#include "ready_file.hpp"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tideover/ops/durable_file.hpp"

namespace tideover::app {

ready_file::ready_file(std::string path, const bound_addresses& addresses) : path_(std::move(path)) {
  if (path_.empty()) return;
  nlohmann::json ready;
  ready["proxy"] = addresses.proxy;
  ready["admin"] = addresses.admin;
  if (!addresses.admin_socket.empty()) ready["socket"] = addresses.admin_socket;
  ready["pid"] = ::getpid();
  // Written beside and renamed, so that whoever waits for the file never reads half of it.
  std::string const beside = path_ + ".tmp";
  {
    std::ofstream file(beside, std::ios::trunc);
    file << ready.dump() << '\n';
    if (!file.flush()) throw std::runtime_error("cannot write the ready file " + path_);
  }
  if (std::rename(beside.c_str(), path_.c_str()) != 0) throw std::runtime_error("cannot write the ready file " + path_);
}

ready_file::~ready_file() {
  if (path_.empty()) return;
  auto const text = ops::read_small_file(path_).text;
  auto const there = nlohmann::json::parse(text.value_or(""), nullptr, false);
  if (there.is_object() && there.value("pid", nlohmann::json()) == nlohmann::json(::getpid())) ::unlink(path_.c_str());
}

}  // namespace tideover::app
