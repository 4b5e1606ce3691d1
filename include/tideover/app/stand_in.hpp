// A small server on 127.0.0.1 that stands in for a cloud API or for Ollama, so that a demo needs neither key nor model.
// Not a model and not for production traffic: its answers say what it is, and it binds to loopback only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace tideover::app {

enum class stand_in_kind : std::uint8_t {
  cloud,   // OpenAI's and Anthropic's generation routes and /v1/models; answers as model `stand-in-cloud`
  ollama,  // /api/chat, what is read of its models, and Ollama's /v1 routes; has one model, `stand-in-local:1b`
};

struct stand_in_options {
  stand_in_kind kind = stand_in_kind::cloud;
  std::chrono::milliseconds pace{30};  // between the words of an answer, so that streams can be watched
  bool with_control = false;           // another loopback port that takes POST /cut and POST /restore
};

/// Serves from construction to destruction on a thread of its own. All methods may be called from any thread.
class stand_in {
 public:
  explicit stand_in(const stand_in_options& options);  // throws boost::system::system_error when it cannot bind
  ~stand_in();
  stand_in(const stand_in&) = delete;
  stand_in& operator=(const stand_in&) = delete;

  std::uint16_t port() const;
  std::string url() const;  // http://127.0.0.1:PORT
  std::optional<std::uint16_t> control_port() const;

  /// The outage: every connection ends at once and the port refuses. The port stays reserved for restore().
  void cut();
  void restore();
  bool is_cut() const;

 private:
  struct server;
  std::unique_ptr<server> server_;
};

}  // namespace tideover::app
