// Stubs: see rclcpp/rclcpp.hpp.
#pragma once

#include "rclcpp/rclcpp.hpp"

namespace rclcpp_lifecycle {

struct State {};

template <class Message>
struct LifecyclePublisher {
    using SharedPtr = std::shared_ptr<LifecyclePublisher>;
    void publish(const Message&) {}
};

namespace node_interfaces {
struct LifecycleNodeInterface {
    enum class CallbackReturn { SUCCESS, FAILURE, ERROR };
    virtual ~LifecycleNodeInterface() = default;
    virtual CallbackReturn on_configure(const State&) { return CallbackReturn::SUCCESS; }
    virtual CallbackReturn on_activate(const State&) { return CallbackReturn::SUCCESS; }
    virtual CallbackReturn on_deactivate(const State&) { return CallbackReturn::SUCCESS; }
    virtual CallbackReturn on_cleanup(const State&) { return CallbackReturn::SUCCESS; }
    virtual CallbackReturn on_shutdown(const State&) { return CallbackReturn::SUCCESS; }
};
}  // namespace node_interfaces

class LifecycleNode : public node_interfaces::LifecycleNodeInterface {
 public:
    explicit LifecycleNode(const std::string&, const rclcpp::NodeOptions& = {}) {}
    rclcpp::Logger get_logger() const { return {}; }
    rclcpp::node_interfaces::NodeBaseInterface::SharedPtr get_node_base_interface() { return {}; }

    template <class T>
    T declare_parameter(const std::string&, const T& value) {
        return value;
    }

    template <class Message>
    typename LifecyclePublisher<Message>::SharedPtr create_publisher(const std::string&, const rclcpp::SystemDefaultsQoS&) {
        return std::make_shared<LifecyclePublisher<Message>>();
    }
    template <class Message>
    typename rclcpp::Subscription<Message>::SharedPtr create_subscription(const std::string&, const rclcpp::SystemDefaultsQoS&,
                                                                          std::function<void(const Message&)>) {
        return std::make_shared<rclcpp::Subscription<Message>>();
    }
    rclcpp::TimerBase::SharedPtr create_wall_timer(std::chrono::nanoseconds, std::function<void()>) {
        return std::make_shared<rclcpp::TimerBase>();
    }
};

}  // namespace rclcpp_lifecycle
