// An Ollama with a memory: models load, slowly if the test says so, are loaded again for another window, run on CPU or
// GPU, and are counted while they generate. Not for what answers look like: those are answers.hpp's.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "support/answers.hpp"
#include "support/scripted_upstream.hpp"

namespace tideover::test {

struct living_options {
  std::vector<ollama::model> installed = {ollama::model{}};  // `loaded` says what is at the start
  int default_context = 8192;                                // window of a load without options
  double gpu_share = 1;                                      // of what is loaded
  double tokens_per_second = 50;                             // as told
  double load_seconds = 3;                                   // as told, not waited for
  bool ps_hangs_while_loading = false;  // 0.33 leaves out a model that is loading; others are said to hang (OL §12)
  bool ps_tells_sizes = true;           // false: 0 of 0, as on a machine without a GPU
  bool capabilities_in_tags = true;     // false: a server before 0.30
  bool continues_prefill = true;
  bool echoes_prefill = false;         // and says it once more first, as the native path of 0.33 does
  std::optional<gate> load_until;      // a load ends when the test opens it
  std::optional<gate> generate_until;  // a generation does
  std::size_t holds = 0;               // so many models at once, the last ones; 0: all
  std::string failure;                 // every chat fails with status 500 and these words
  bool silent_chat = false;            // no chat is ever answered
  std::optional<int> reads_at_most;    // tokens of a prompt, whatever was asked: a server that cuts all the same
};

class living_ollama {
 public:
  /// Takes over the native routes of a server that lives longer.
  explicit living_ollama(scripted_upstream& server, living_options how = {});
  ~living_ollama();  // stops the server: its threads use what goes here
  living_ollama(const living_ollama&) = delete;
  living_ollama& operator=(const living_ollama&) = delete;

  void change(const std::function<void(living_options&)>& what);
  int loads() const;          // that ended well
  int reloads() const;        // of a loaded model, for another window
  int aborted_loads() const;  // their connection went away
  int most_at_once() const;   // generations
  int generations() const;    // that ended well
  bool is_loading() const;
  bool is_loaded(const std::string& model) const;
  int window_of(const std::string& model) const;              // 0: not loaded
  std::string keep_alive_of(const std::string& model) const;  // the last one that was said, as JSON
  void unload(const std::string& model);
  /// How many tokens (words) of a prompt the model was given last, and how many messages were dropped for that.
  int read_last() const;
  int dropped() const;
  /// The words of the users' last messages, in the order in which generations began.
  std::vector<std::string> order() const;

 private:
  scripted_upstream& server_;
  struct running {
    int window = 0;
    std::string keep_alive;
  };
  void chat(served_connection& c, const recorded_request& r);
  bool load(served_connection& c, const std::string& model, int window);
  std::string tags() const;
  std::string ps() const;
  const ollama::model* find(const std::string& name) const;

  mutable std::mutex mutex_;
  living_options how_;
  std::map<std::string, running> loaded_;
  int loading_ = 0, loads_ = 0, reloads_ = 0, aborted_ = 0, at_once_ = 0, most_ = 0, generations_ = 0;
  int read_ = 0, dropped_ = 0;
  std::vector<std::string> order_;
};

}  // namespace tideover::test
