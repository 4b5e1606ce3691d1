// llama.cpp's own server, as measured: it loads one model at start, says 503 meanwhile, lists it, and lets it think
// unless it is told not to. Not a strict server: whatever else a request says is passed over, as it does.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "support/scripted_upstream.hpp"

namespace tideover::test {

struct llama_options {
  std::string model = "qwen3-0.6b";
  int trained_context = 40960;
  double tokens_per_second = 25;  // as told
  bool loading = false;
  bool knows_health = true;  // false: a server that has no such path
  std::string key{};         // demanded as a bearer token; empty: none
};

class llama_server {
 public:
  /// Takes over the routes of a server that lives longer.
  explicit llama_server(scripted_upstream& server, llama_options how = {});
  ~llama_server();  // stops the server: its threads use what goes here
  llama_server(const llama_server&) = delete;
  llama_server& operator=(const llama_server&) = delete;

  void loading(bool still);

 private:
  llama_options now() const;
  void chat(served_connection& c, const recorded_request& r) const;

  scripted_upstream& server_;
  mutable std::mutex mutex_;
  llama_options how_;
};

}  // namespace tideover::test
