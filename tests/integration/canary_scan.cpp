#include "integration/canary_scan.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace tideover::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t enough_to_leak = 12;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string base64(const std::string& text) {
  constexpr auto digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i + 3 <= text.size(); i += 3) {
    unsigned const three = (static_cast<unsigned char>(text[i]) << 16) |
                           (static_cast<unsigned char>(text[i + 1]) << 8) | static_cast<unsigned char>(text[i + 2]);
    for (int shift = 18; shift >= 0; shift -= 6) out += digits[(three >> shift) & 63];
  }
  return out;
}

std::string bytes_of(const http_answer& answer) {
  std::string all = answer.head.raw + answer.body;
  for (auto const& interim : answer.interim) all += interim.raw;
  return all;
}

std::string heard_by(const scripted_upstream& upstream) {
  std::string all;
  for (auto const& r : upstream.requests()) all += r.head + r.raw_body;
  return all;
}

}  // namespace

bool holds(const std::string& haystack, const std::string& secret) {
  auto const beginning = secret.substr(0, enough_to_leak);
  if (lower(haystack).find(lower(beginning)) != std::string::npos) return true;
  for (std::size_t const before : {0U, 1U, 2U})  // bytes in front of it, as in `user:key`
    if (haystack.find(
            base64(std::string(before, ' ') + secret).substr(before + (before != 0 ? 1 : 0), enough_to_leak)) !=
        std::string::npos)
      return true;
  return false;
}

void expect_each_where_it_belongs(const std::vector<mark>& marks, const sinks& written) {
  for (auto const& m : marks) {
    for (auto const& [where, bytes] : written) {
      bool const found = holds(bytes, m.text);
      bool const belongs = m.belongs.contains(where) || m.may.contains(where);
      EXPECT_FALSE(found && !belongs) << m.what << " is in: " << where;
    }
    for (auto const& where : m.belongs) {
      auto const it = written.find(where);
      ASSERT_NE(it, written.end()) << where;
      EXPECT_TRUE(holds(it->second, m.text)) << m.what << " should have been in: " << where;
    }
  }
}

scan::scan(world& home, environment_of_program environment) : world_(home), environment_(std::move(environment)) {
  for (auto const& name : {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}) environment_[name] = stranger_key;
  environment_["OLLAMA_HOST"] = world_.ollama.url();
  environment_["TMPDIR"] = world_.daemon().folder().path();  // where its socket is, says the file
}

void scan::ask(std::string_view method, std::string_view target, std::string_view body, const field_list& fields) {
  raw_client client(world_.port());
  client.request(method, target, body, fields);
  hear("answers", client.read_answer(method == "HEAD"));
}

void scan::send(const std::string& bytes) {
  raw_client client(world_.port());
  client.send(bytes);
  hear("answers", client.read_answer());
}

void scan::administer(std::string_view method, std::string_view target, std::string_view body, const field_list& fields,
                      bool over_tcp) {
  auto const client = over_tcp ? std::make_unique<raw_client>(world_.daemon().admin_port())
                               : std::make_unique<raw_client>(world_.daemon().folder().file("admin.sock"));
  client->request(method, target, body, fields);
  hear("admin answers", client->read_answer());
}

void scan::command(const std::vector<std::string>& words, const std::set<int>& exit_codes) {
  auto const told = run_tideover(words, environment_);
  EXPECT_TRUE(exit_codes.contains(told.exit_code)) << words[0] << told.exit_code << ": " << told.out << told.err;
  EXPECT_FALSE(told.out.empty() && told.err.empty()) << words[0];
  collected_["commands"] += told.out + told.err;
}

void scan::reload(const field_list& right) {
  auto const file = world_.daemon().folder().file("tideover.yaml");
  auto const good = read_file(file);
  administer("POST", "/api/reload", "{}", right);
  command({"reload", "--socket", socket()}, {0});
  world_.daemon().folder().write("tideover.yaml",
                                 good + "\nbogus: \"${SOMEBODYS_SECRET}\"\nhosts: [\"${SOMEBODYS_SECRET}/\"]\n");
  administer("POST", "/api/reload", "{}", right);
  for (auto const* how : {"--json", "--socket"}) {
    std::vector<std::string> words{"reload", "--socket", socket()};
    if (how == std::string("--json")) words.emplace_back(how);
    command(words, {78});
  }
  command({"check", "--config", file}, {78});
  command({"check", "--json", "--config", file}, {78});
  world_.daemon().folder().write("tideover.yaml", good);
}

void scan::listen_to_events() {
  raw_client client(world_.daemon().admin_port());
  client.request("GET", "/api/events");
  collected_["events"] += client.read_head().head.raw;
  administer("PUT", "/api/contingency", R"({"workflows":["sales"],"reason":"listening"})", {}, false);
  for (bool changed = false; !changed;) {
    auto const event = client.next_event();
    if (!event) break;
    collected_["events"] += event->raw;
    changed = event->name == "contingency";
  }
  administer("DELETE", "/api/contingency", {}, {}, false);
}

sinks scan::all() {
  auto made = collected_;
  made["metrics"] = world_.daemon().metrics();
  made["status"] = bytes_of(get(world_.daemon().admin_port(), "/api/status"));
  made["openai"] = heard_by(world_.openai);
  made["anthropic"] = heard_by(world_.anthropic);
  made["ollama"] = heard_by(world_.ollama);
  made["file ready.json"] = read_file(world_.daemon().folder().file("ready.json"));
  EXPECT_EQ(world_.daemon().stop(), 0);  // with what it says and keeps at its end
  made["stdout"] = world_.daemon().standard_output();
  made["stderr"] = world_.daemon().standard_error();
  EXPECT_NE(made["stdout"].find("\"event\":\"request\""), std::string::npos);
  for (auto const& file : fs::recursive_directory_iterator(world_.daemon().folder().path()))
    if (file.is_regular_file() && file.path().filename() != "tideover.yaml")
      made["file " + file.path().filename().string()] = read_file(file.path().string());
  EXPECT_TRUE(made.contains("file events.jsonl"));
  EXPECT_NE(made["file ready.json"], "");
  return made;
}

void scan::hear(const std::string& where, const http_answer& answer) {
  EXPECT_NE(answer.status, 0);
  collected_[where] += bytes_of(answer);
}

}  // namespace tideover::test
