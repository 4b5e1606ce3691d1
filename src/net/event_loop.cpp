#include "tideover/net/event_loop.hpp"

#include <boost/asio/post.hpp>

namespace tideover::net {

bool mailbox::post(std::function<void()> work) {
  std::lock_guard const lock(mutex_);
  if (!loop_) return false;
  boost::asio::post(loop_->context_, [loop = loop_, work = std::move(work)] {
    work();
    loop->reactor_.run_ready();
  });
  return true;
}

event_loop::event_loop()
    : nested_(context_, reactor_.descriptor()), sweep_timer_(context_), inbox_(std::make_shared<mailbox>()) {
  inbox_->loop_ = this;
}

event_loop::~event_loop() {
  {
    std::lock_guard const lock(inbox_->mutex_);
    inbox_->loop_ = nullptr;
  }
  nested_.release();  // the reactor closes it
}

void event_loop::run() {
  watch_reactor();
  tick();
  context_.run();
}

void event_loop::stop() { context_.stop(); }

void event_loop::watch_reactor() {
  nested_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code ec) {
    if (ec) return;
    reactor_.poll();
    watch_reactor();
  });
}

void event_loop::tick() {
  sweep_timer_.expires_after(reactor::sweep_interval);
  sweep_timer_.async_wait([this](boost::system::error_code ec) {
    if (ec) return;
    auto const now = clock::now();
    reactor_.sweep(now);
    if (on_tick) on_tick(now);
    reactor_.run_ready();
    tick();
  });
}

}  // namespace tideover::net
