#include "tideover/ops/local_catalog.hpp"

#include "tideover/ops/control_get.hpp"

namespace tideover::ops {

namespace {
constexpr std::size_t answer_limit = 4u << 20;
}

local_catalog_watch::local_catalog_watch(net::event_loop& control, net::resolver& names,
                                         const proxy::upstream_route* upstream)
    : control_(control), names_(names), upstream_(upstream), catalog_(std::make_shared<policy::local_catalog>()) {}

std::shared_ptr<const policy::local_catalog> local_catalog_watch::current() const {
  std::lock_guard const lock(mutex_);
  return catalog_;
}

std::string local_catalog_watch::problem() const {
  std::lock_guard const lock(mutex_);
  return problem_;
}

void local_catalog_watch::refresh(std::function<void()> done) {
  {
    std::lock_guard const lock(mutex_);
    waiting_.push_back(std::move(done));
  }
  control_.inbox()->post([this] { start(); });
}

void local_catalog_watch::tick(time_point now) {
  if (now >= next_) start();
}

void local_catalog_watch::start() {
  if (asking_) return;  // whoever waits hears of the answer that is under way
  asking_ = true;
  net::spawn(ask(), [this](std::exception_ptr) {
    asking_ = false;
    std::vector<std::function<void()>> waiting;
    {
      std::lock_guard const lock(mutex_);
      waiting.swap(waiting_);
      next_ = after(clock::now(), catalog_->known ? duration(interval) : duration(interval_while_unknown));
    }
    for (auto& done : waiting) done();
  });
}

net::task<void> local_catalog_watch::ask() {
  if (!upstream_) co_return;
  auto const deadline = after(clock::now(), patience);
  auto tags = co_await control_get(control_, names_, upstream_->target, upstream_->authority,
                                   upstream_->base_path + "/api/tags", answer_limit, deadline);
  std::string problem = tags.problem;
  std::optional<policy::local_catalog> found;
  if (tags.status == 200) {
    // /api/ps hangs while a model loads (OL §12): without it nothing counts as loaded, that is all.
    auto loaded = co_await control_get(control_, names_, upstream_->target, upstream_->authority,
                                       upstream_->base_path + "/api/ps", answer_limit, deadline);
    found = policy::read_catalog(tags.body, loaded.status == 200 ? std::string_view(loaded.body) : std::string_view());
    if (!found) problem = "the answer to /api/tags is not Ollama's";
  } else if (tags.status != 0) {
    problem = "status " + std::to_string(tags.status) + " for /api/tags";
  }
  std::lock_guard const lock(mutex_);
  problem_ = std::move(problem);
  // What was known stays known while the server is silent: the request itself will find out.
  if (found) catalog_ = std::make_shared<policy::local_catalog>(std::move(*found));
}

}  // namespace tideover::ops
