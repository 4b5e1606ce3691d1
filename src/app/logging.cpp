#include "tideover/app/logging.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tideover/ops/access_log.hpp"

namespace tideover::app {

namespace {

/// Program messages in the shape of the other log lines, so that one parser reads them all.
class json_formatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    auto const at = std::chrono::duration_cast<std::chrono::microseconds>(message.time.time_since_epoch()).count();
    nlohmann::ordered_json line;
    line["ts"] = ops::timestamp(at);
    line["level"] = spdlog::level::to_string_view(message.level).data();
    line["msg"] = std::string(message.payload.data(), message.payload.size());
    line["event"] = "program";
    auto const text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<json_formatter>(); }
};

spdlog::level::level_enum to_spdlog(config::log_level level) {
  switch (level) {
    case config::log_level::trace: return spdlog::level::trace;
    case config::log_level::debug: return spdlog::level::debug;
    case config::log_level::info: return spdlog::level::info;
    case config::log_level::warn: return spdlog::level::warn;
    case config::log_level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

bool logs_are_json(const config::log& settings, int descriptor) {
  switch (settings.format) {
    case config::log_format::json: return true;
    case config::log_format::text: return false;
    case config::log_format::automatic: break;
  }
  return ::isatty(descriptor) == 0;
}

void set_up_program_log(const config::log& settings, bool json) {
  auto logger = spdlog::stderr_logger_mt("tideover");
  logger->set_level(to_spdlog(settings.level));
  logger->flush_on(spdlog::level::info);
  if (json)
    logger->set_formatter(std::make_unique<json_formatter>());
  else
    logger->set_pattern("%Y-%m-%d %H:%M:%S %^%l%$ %v");
  spdlog::set_default_logger(std::move(logger));
}

void set_program_log_level(config::log_level level) { spdlog::set_level(to_spdlog(level)); }

}  // namespace tideover::app
