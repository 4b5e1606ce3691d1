// One request and all attempts to answer it: reads the body, asks the failover machine who is next, judges what came,
// commits one answer and relays it. Not a parser, not a policy: those are asked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tideover/adapt/chat/request.hpp"
#include "tideover/adapt/chat/splice.hpp"
#include "tideover/adapt/error_body.hpp"
#include "tideover/adapt/framing.hpp"
#include "tideover/adapt/header_rules.hpp"
#include "tideover/adapt/request_scan.hpp"
#include "tideover/core/http_message.hpp"
#include "tideover/net/frame_store.hpp"
#include "tideover/net/task.hpp"
#include "tideover/policy/crowd.hpp"
#include "tideover/policy/failover.hpp"
#include "tideover/policy/route_table.hpp"
#include "tideover/proxy/attempt.hpp"
#include "tideover/proxy/byte_buffer.hpp"
#include "tideover/proxy/caller.hpp"
#include "tideover/proxy/exchange_record.hpp"
#include "tideover/proxy/health_table.hpp"
#include "tideover/proxy/leg.hpp"
#include "tideover/proxy/worker.hpp"

namespace tideover::proxy {

/// What the session does with the connection afterwards.
enum class after_exchange : std::uint8_t {
  keep,         // the next request may come
  close,        // orderly end
  linger,       // the caller may still be sending: let it read our answer before the connection goes
  abort,        // end it so that the caller can see that something is missing
  abort_later,  // the same, once the caller had the time to read what it was told
};

class exchange {
 public:
  /// `left_over` takes bytes that belong to the next request.
  exchange(worker& home, const door& entrance, net::stream& down, std::string& left_over);
  ~exchange();
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  static void* operator new(std::size_t bytes) { return net::frame_store::take(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept { net::frame_store::give(memory, bytes); }

  /// A head that could not be read: answers with `status` and ends the connection.
  net::task<after_exchange> refuse_unreadable(int status);
  /// One caller too many: says so, and why, and ends the connection.
  net::task<after_exchange> refuse_entry(policy::welcome said);
  /// Plain HTTP at a listener that speaks TLS: the same, in plain HTTP.
  net::task<after_exchange> refuse_plain_http();

  /// `raw` begins with a parsed head of `head` and goes on with what came behind it; both live in scratch memory and
  /// are copied before the first wait.
  net::task<after_exchange> run(std::string_view raw, request_head&& head);

 private:
  // Before any upstream is asked (exchange_request.cpp).
  enum class taken : std::uint8_t {
    over,            // answered, or its caller left
    ask,             // it is here, body and all
    stream_through,  // its body is passed on as it comes
  };
  net::task<taken> take_request(std::string_view raw);
  std::optional<adapt::own_error> admit();  // framing, host, key, route
  std::optional<adapt::own_error> check_client();
  net::task<void> answer_preflight();
  bool skip_body(std::string_view behind);
  void settle_reach();
  bool take_head(std::string_view raw, std::size_t body_bytes);
  void move_head(const char* from);
  bool make_room_for_body(std::size_t all);
  time_point body_deadline(time_point began, std::size_t received) const;
  net::task<attempt_end> read_body();
  net::task<attempt_end> read_chunked_body();
  net::task<attempt_end> say_continue();
  void note_request();

  // Asking upstreams, one after the other (exchange.cpp).
  net::task<void> ask_candidates();
  policy::exchange_plan plan() const;
  policy::failover::step next_step();
  std::unique_ptr<leg> begin_leg(std::uint16_t upstream, const policy::attempt_limits& limits);
  net::task<bool> pause();
  void leg_failed(leg& l);
  void note_local_failure(const leg& l, const failure& what) const;
  void note_failover();
  std::optional<reason> why_not_first() const;
  bool settled(attempt_end step);

  // One leg up to the point where its answer may be committed (exchange_judge.cpp).
  net::task<attempt_end> try_leg(leg& l);
  void ask_anew(leg& l);
  net::task<attempt_end> ask(leg& l);
  net::task<attempt_end> judge(leg& l);
  net::task<attempt_end> keep_back_what_misleads(leg& l);
  adapt::key_leak leak_of(const leg& l) const;
  net::task<attempt_end> look_where_made(leg& l);
  net::task<attempt_end> hold_stream(leg& l);
  std::optional<failure> status_failure(leg& l, std::string_view body) const;
  attempt_end failed(leg& l, reason why, phase at, std::string detail) const;
  std::string timer_text(const leg& l, timer which) const;
  void name_timer(leg& l, timer which) const;
  void keep_cloud_error(const attempt& a, std::uint16_t upstream);
  outgoing_request outgoing(const leg& l, bool held) const;

  // A leg with company: a hedge beside it, keep-alives for whoever waits (exchange_company.cpp).
  bool needs_company(const leg& l) const;
  bool hears_keep_alives(const leg& l) const;
  net::task<attempt_end> accompany(std::unique_ptr<leg>& first);
  std::unique_ptr<leg> begin_hedge();
  bool keep_caller_awake(const leg& l);

  // The local tier (exchange_local.cpp, exchange_local_answer.cpp).
  net::task<attempt_end> prepare_local(leg& l);
  policy::model_tables model_tables(std::uint16_t upstream) const;
  attempt_end choose_local_model(leg& l, const policy::local_catalog& catalog);
  std::vector<policy::url_fit> wished_urls(const policy::local_catalog& catalog, std::size_t urls) const;
  bool asks_about_model(const leg& l) const;
  net::task<attempt_end> ask_about_model(leg& l);
  attempt_end answered_remotely(leg& l);
  net::task<attempt_end> enter_local(leg& l, const policy::local_catalog& catalog);
  bool another_url(leg& l);
  void choose_url(leg& l, const policy::local_catalog& catalog);
  net::task<attempt_end> load_local_model(leg& l);
  attempt_end write_local_request(leg& l, const policy::local_catalog& catalog);
  adapt::own_error too_long_for(std::uint64_t window) const;
  void note_local_timing(std::uint16_t upstream, const adapt::chat::answer::timings& took);
  void note_prompt_tokens(std::uint64_t read);
  net::task<attempt_end> judge_local(leg& l);
  net::task<attempt_end> judge_vectors(leg& l);
  net::task<attempt_end> read_local(leg& l);
  attempt_end judge_local_error(leg& l);
  attempt_end tool_call_missing(leg& l);
  bool continues_prefill(std::uint16_t upstream) const;
  std::optional<bool> echoes_prefill(std::uint16_t upstream) const;
  int local_fault_status() const;
  std::string local_unique() const;
  net::task<void> wait_for_catalog(std::uint16_t upstream, time_point by);
  local_knowledge& local(std::uint16_t upstream) const { return *shared().local[upstream]; }
  attempt_end local_refusal(leg& l, adapt::own_error why);

  // What local servers have (exchange_lists.cpp).
  net::task<void> list_local_models();
  bool joins_native_lists() const;
  net::task<void> list_native_models();
  net::task<void> refresh_ollamas(time_point by);
  bool is_ollama(std::uint16_t upstream) const;
  void nobody_tells(std::uint16_t upstream);

  // Requests whose bodies are not kept (exchange_stream_through.cpp).
  net::task<void> stream_through();
  net::task<attempt_end> pump_body(attempt& a);

  // Committed: bytes flow to the caller (relay.cpp, relay_stream.cpp).
  net::task<void> deliver();
  net::task<void> send_whole(leg& l);
  net::task<void> relay_raw(leg& l);
  bool passes_unjudged() const { return !is_judged(route_.what) && route_.what != endpoint::models; }
  bool streams_lines(const leg& l) const;
  net::task<void> relay_stream();
  bool begin_stream(leg& l);
  bool send_held(leg& l, std::string_view head);
  net::task<std::optional<failure>> relay_events(leg& l);
  void note_relayed(const leg& l, std::string_view events, bool parts);
  bool may_be_continued(const leg& l) const;
  net::task<bool> continue_locally(failure cut);
  void tell_health_of_passed_on(leg& l);
  void note_sent(std::size_t body_bytes, std::size_t framing_behind = 0);
  bool send_piece(std::string_view head, std::string_view bytes, std::string_view end = {});
  void begin_answer(std::string& text, const leg& l, adapt::body_kind body, std::uint64_t length);
  void commit();
  void forget_request();
  net::task<bool> flush_to_caller();
  net::task<void> end_cut(leg& l, const failure& what, bool say_so);
  net::task<void> send_error_event(const adapt::own_error& error);
  outcome served() const;

  // Tideover's own answers (local_reply.cpp).
  net::task<void> reply_error(adapt::own_error error, std::string_view allow = {});
  net::task<void> reply_json(int status, std::string body, adapt::answer_marks marks,
                             std::string_view extra_lines = {});
  net::task<void> reply_final();
  net::task<void> reply_kept_cloud_error();
  net::task<void> reply_withheld(leg& l);
  net::task<bool> send_own(std::string_view head, std::string_view body);
  adapt::own_error final_error() const;
  void keep_local_error();
  adapt::answer_marks marks(tier who, std::string_view upstream, std::string_view model) const;
  bool may_keep_alive() const;
  unsigned retry_after_seconds() const;

  void finish(outcome how);
  const services& shared() const { return *generation_->shared; }
  const config::snapshot& configuration() const { return *shared().configuration; }
  const config::upstream& upstream_settings(std::uint16_t index) const { return configuration().upstreams[index]; }

  worker& home_;
  const std::shared_ptr<worker_generation> generation_;  // the one it began with, whatever is reloaded meanwhile
  const door& entrance_;
  net::stream& down_;
  std::string& left_over_;
  caller_writer out_;
  exchange_record record_;
  time_point started_;
  std::size_t last_body_bytes_ = 0;     // of what was written to the caller last
  std::size_t last_framing_bytes_ = 0;  // and behind them
  bool finished_ = false;
  bool head_sent_ = false;
  bool early_head_ = false;  // a stream's head went out to keep the caller awake, before anybody had answered
  after_exchange then_ = after_exchange::keep;

  // The pristine request: head and body in one block, which is also the replay buffer.
  byte_buffer block_;
  request_head head_;
  adapt::request_framing framing_;
  std::string early_body_;    // raw body bytes that came with the head, for chunked and streamed bodies
  byte_buffer chunked_body_;  // bodies without a known length
  std::string_view body_;
  std::string cloud_body_;  // without what a local model left in it; empty: nothing is, the cloud gets the body itself
  std::optional<adapt::own_error> body_problem_;
  unsigned client_version_ = 11;
  bool is_head_ = false;
  std::string_view allowed_page_;  // origin of the web page that asks, in the configuration
  policy::route route_;
  const config::client_key* client_ = nullptr;  // whose key opened the door, if one did
  bool kept_from_clouds_ = true;                // contingency, as it was when the asking began
  std::optional<cloud_pass> pass_;              // what this exchange may do outside the house: nothing without one
  std::optional<duration> must_wait_;           // a caller who comes too often
  adapt::request_facts facts_;
  bool body_unread_ = false;

  std::optional<policy::failover> machine_;
  health_table::admission asked_;  // of the attempt that begins
  std::optional<policy::failover::hop> told_hop_;
  std::string hop_detail_;               // about the leg that failed last
  std::unique_ptr<leg> serving_;         // whose answer the caller gets
  std::optional<duration> refused_for_;  // how long health keeps the cloud from us
  // For the local tier.
  std::unique_ptr<adapt::chat::request> asked_for_;  // in the words that all dialects share
  adapt::chat::rendered replay_;                     // in the local server's
  policy::model_need local_need_;
  std::optional<duration> local_wait_;                   // when its server may have time, as far as it is known
  bool looked_again_ = false;                            // for a model that had gone
  bool insist_on_call_ = false;                          // the model did not call the tool it had to
  std::unique_ptr<adapt::chat::answer::splice> splice_;  // of a cloud's stream that may be continued
  bool splice_used_ = false;
  std::string local_model_;
  std::optional<adapt::own_error> local_error_;          // why the local tier could not serve, in words for the caller
  std::optional<adapt::own_error> earlier_local_error_;  // of another local upstream, if it tells more
  adapt::written_framing written_;

  struct kept_error {  // the cloud's own error, for when nobody else can serve
    std::string head_bytes;
    response_head head;
    std::string body;
    std::uint16_t upstream = 0;
  };
  std::unique_ptr<kept_error> cloud_error_;
};

}  // namespace tideover::proxy
