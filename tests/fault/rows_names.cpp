// A: names and addresses. Each row has a network of its own with a name server of its own (tests/support/own_network).
#include <atomic>
#include <thread>

#include "fault/stage.hpp"
#include "support/name_server.hpp"
#include "support/own_network.hpp"

namespace tideover::test {
namespace {

using mood = name_server::mood;

const calls whole_and_stream{call::chat, call::chat_stream};
constexpr auto cloud_name = "cloud.test";  // which the test authority vouches for

expectation unheard(std::string reason) {
  auto e = served_locally(std::move(reason), blamed::connection);
  e.cloud_asked_most = 0;
  return e;
}

/// The cloud has a name, and this is what the name server says about it.
name_server& named_cloud(stage& s, name_server::entry what) {
  auto const names = std::make_shared<name_server>("127.0.0.1", 53);
  names->set(cloud_name, std::move(what));
  s.props.push_back(names);
  s.options.openai_url = "https://" + std::string(cloud_name) + ":" + std::to_string(s.to_cloud.port());
  return *names;
}

/// A gate before the cloud on another address, at the same port.
fault_gate& cloud_at(stage& s, const char* address) {
  auto const there = std::make_shared<fault_gate>(s.cloud.port(), address, s.to_cloud.port());
  s.props.push_back(there);
  return *there;
}

std::function<void(stage&)> name_says(name_server::entry what) {
  return [what](stage& s) { named_cloud(s, what); };
}

row_details in_own_network(std::vector<forbidden> never = {}, std::function<observed(stage&)> act = {}) {
  return {.act = std::move(act), .never = std::move(never), .certificate = row::tls::good, .own_network = true};
}

const forbidden waits_for_the_resolver{
    "the caller waits for the name service, and not for the connect timer", [](stage& s, const observed&) {
      for (auto const& line : s.daemon().wait_for_log("request", 1))
        EXPECT_LT(line.value("duration_ms", 1e9), 9000.0) << "the name service is given up after 10 s";
    }};

const forbidden connects_inwards{"a connection to this machine, the key with it",
                                 [](stage& s, const observed&) { EXPECT_EQ(s.to_cloud.connections(), 0U); }};

/// While one caller's name lookup hangs, others are served, one by another cloud and one by an Ollama that has a name.
observed others_while_it_hangs(stage& s) {
  observed first;
  std::atomic<bool> done{false};
  std::thread hanging([&] {
    first = s.ask();
    done = true;
  });
  auto& names = *std::static_pointer_cast<name_server>(s.props.front());
  EXPECT_TRUE(eventually([&] { return names.questions(cloud_name) != 0; }));
  auto const port = s.home->port();
  expect_cloud(post(port, "/v1/messages", message_body), "anthropic");
  expect_local(post(port, "/v1/chat/completions", chat_body, {{"X-Tideover-Workflow", "legal"}}), "policy");
  s.requests_sent += 2;
  EXPECT_FALSE(done) << "they had to wait for the name";
  hanging.join();
  return first;
}

}  // namespace

void add_name_rows(table& all) {
  all.add("A1", "no_such_name", "The cloud's name does not exist", whole_and_stream, unheard("dns"),
          name_says({mood::no_such_name}), in_own_network());
  all.add("A2", "name_server_fails", "The name server fails (SERVFAIL)", whole_and_stream, unheard("dns"),
          name_says({mood::fails}), in_own_network());
  all.add("A2b", "name_server_refuses", "The name server refuses to answer", {call::chat}, unheard("dns"),
          name_says({mood::refuses}), in_own_network());
  all.add(
      "A2c", "name_server_talks_nonsense", "The name server answers nonsense", {call::chat}, unheard("dns"),
      [](stage& s) {
        s.cloud_is_given_little_time();
        named_cloud(s, {mood::garbage});
      },
      in_own_network());
  all.add(
      "A2d", "name_is_back", "The name did not exist, and now it does", whole_and_stream, served_by_cloud(),
      [](stage& s) {
        s.failures_to_open = 1000;
        named_cloud(s, {mood::no_such_name});
        cloud_at(s, cloud_address);
      },
      in_own_network({}, [](stage& s) {
        EXPECT_EQ(s.ask().field("x-tideover-failover"), "dns");
        std::static_pointer_cast<name_server>(s.props.front())->set(cloud_name, {mood::answers, {cloud_address}});
        return s.ask();
      }));
  all.add(
      "A3", "name_server_silent", "The name server is silent", whole_and_stream, unheard("dns"),
      [](stage& s) {
        s.cloud_is_given_little_time();
        named_cloud(s, {mood::silent});
      },
      in_own_network({waits_for_the_resolver}));
  all.add(
      "A3b", "others_meanwhile", "The name server is silent about one name, and others are asked for meanwhile",
      {call::chat}, unheard("dns"),
      [](stage& s) {
        s.cloud_is_given("{connect: 4s, first_content: 60s, response: 60s, idle: 60s, total: 5m}");
        named_cloud(s, {mood::silent}).set("ollama.internal", {mood::answers, {"127.0.0.1"}});
        s.options.ollama_url = "http://ollama.internal:" + std::to_string(s.to_local.port());
        s.other_cloud_asked = true;
      },
      in_own_network({waits_for_the_resolver}, others_while_it_hangs));
  int n = 0;
  for (auto const* inward :
       {"0.0.0.0", "127.0.0.1", "127.9.9.9", "169.254.169.254", "::1", "::", "::ffff:127.0.0.1", "fe80::1"})
    all.add("A4" + std::string(1, static_cast<char>('a' + n++)), "address_points_inwards",
            std::string("The cloud's name leads to ") + inward, {call::chat}, unheard("dns"),
            name_says({mood::answers, {inward}}), in_own_network({connects_inwards}));
  all.add(
      "A4i", "one_address_points_inwards", "The cloud's name leads to 127.0.0.1 and to a good address", {call::chat},
      served_by_cloud(),
      [](stage& s) {
        named_cloud(s, {mood::answers, {"127.0.0.1", cloud_address}});
        cloud_at(s, cloud_address);
      },
      in_own_network({connects_inwards}));
  all.add(
      "A5", "first_address_refuses", "The first of two addresses refuses", whole_and_stream, served_by_cloud(),
      [](stage& s) {
        named_cloud(s, {mood::answers, {cloud_address, second_cloud_address}});
        cloud_at(s, cloud_address).set(fault_gate::door::refuse);
        cloud_at(s, second_cloud_address);
      },
      in_own_network());
  all.add(
      "A5b", "first_address_is_dead", "The first of two addresses answers nothing", whole_and_stream, served_by_cloud(),
      [](stage& s) {
        s.cloud_is_given("{connect: 2s, first_content: 60s, response: 60s, idle: 60s, total: 5m}");
        named_cloud(s, {mood::answers, {cloud_address, second_cloud_address}});
        cloud_at(s, cloud_address).set(fault_gate::door::blackhole);
        cloud_at(s, second_cloud_address);
      },
      in_own_network());
  all.add("A6", "no_way_for_ipv6", "The cloud has only an IPv6 address, and no way leads there", whole_and_stream,
          unheard("connect"), name_says({mood::answers, {"2001:db8::1"}}), in_own_network());
  all.add(
      "A6b", "ipv4_all_the_same", "The cloud has an IPv6 address to which no way leads, and an IPv4 address",
      {call::chat}, served_by_cloud(),
      [](stage& s) {
        named_cloud(s, {mood::answers, {"2001:db8::1", cloud_address}});
        cloud_at(s, cloud_address);
      },
      in_own_network());
  all.add("A8", "name_without_address", "The cloud's name exists and has no address", {call::chat}, unheard("dns"),
          name_says({mood::answers, {}}), in_own_network());
  all.add(
      "A9", "ollama_has_no_name", "The cloud refuses, and Ollama's name does not exist", {call::chat},
      [] {
        auto e = own_error(503, "local_unavailable", "connect", blamed::connection);
        e.cloud_asked_most = 0;
        return e;
      }(),
      [](stage& s) {
        named_cloud(s, {mood::answers, {cloud_address}});
        s.options.ollama_url = "http://ollama.internal:" + std::to_string(s.to_local.port());
      },
      in_own_network());
}

}  // namespace tideover::test
