#include "tideover/app/logging.hpp"

#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace tideover::app {

namespace {

/// The words of the other log lines: spdlog's own are longer.
std::string_view token(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace: return "trace";
    case spdlog::level::debug: return "debug";
    case spdlog::level::info: return "info";
    case spdlog::level::warn: return "warn";
    default: return "error";
  }
}

/// Program messages in the shape of the other log lines, so that one parser reads them all.
class line_sink : public spdlog::sinks::sink {
 public:
  line_sink(std::shared_ptr<ops::line_writer> to, ops::line_format format) : to_(std::move(to)), format_(format) {}

  void log(const spdlog::details::log_msg& message) override {
    auto const at = std::chrono::duration_cast<std::chrono::microseconds>(message.time.time_since_epoch()).count();
    std::string_view const said(message.payload.data(), message.payload.size());
    if (format_ == ops::line_format::text) return to_->write(ops::event_text(at, token(message.level), {said}, {}));
    nlohmann::ordered_json line;
    line["ts"] = ops::timestamp(at);
    line["level"] = token(message.level);
    line["msg"] = said;
    line["event"] = "program";
    to_->write(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  std::shared_ptr<ops::line_writer> const to_;
  ops::line_format const format_;
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

program_log::program_log(std::shared_ptr<ops::line_writer> to, ops::line_format format, config::log_level level) {
  auto logger = std::make_shared<spdlog::logger>("tideover", std::make_shared<line_sink>(std::move(to), format));
  logger->set_level(to_spdlog(level));
  spdlog::set_default_logger(std::move(logger));
}

program_log::~program_log() { spdlog::set_default_logger(std::make_shared<spdlog::logger>("nowhere")); }

void set_program_log_level(config::log_level level) { spdlog::set_level(to_spdlog(level)); }

}  // namespace tideover::app
