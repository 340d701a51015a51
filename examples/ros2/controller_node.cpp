// A lifecycle node around mbrl_fast::Controller. Compiled against stubs, not run in ROS.
//   configure: loads the Problem file · activate: plans and publishes · deactivate: stops, publishes the safe action once
#include <mbrl_fast/mbrl_fast.hpp>
#include <memory>
#include <rclcpp/rclcpp.hpp>
#include <rclcpp_lifecycle/lifecycle_node.hpp>
#include <std_msgs/msg/float32_multi_array.hpp>
#include <string>

using std_msgs::msg::Float32MultiArray;
using CallbackReturn = rclcpp_lifecycle::node_interfaces::LifecycleNodeInterface::CallbackReturn;

class ControllerNode : public rclcpp_lifecycle::LifecycleNode {
 public:
    explicit ControllerNode(const rclcpp::NodeOptions& options = rclcpp::NodeOptions())
        : LifecycleNode("mbrl_fast_controller", options) {
        file_ = declare_parameter<std::string>("problem", "problem.safetensors");
        control_rate_ = declare_parameter<double>("control_rate", 100.0);
        plan_rate_ = declare_parameter<double>("plan_rate", 20.0);
        delay_ = declare_parameter<double>("delay", 0.0);
    }

    CallbackReturn on_configure(const rclcpp_lifecycle::State&) override {
        try {
            mbrl_fast::ControllerSettings settings;
            settings.budget = 0.8 / plan_rate_;
            settings.delay = delay_;
            controller_ = std::make_unique<mbrl_fast::Controller>(mbrl_fast::open_problem(file_), settings);
        } catch (const std::exception& error) {  // a bad file or setting: one sentence; nothing throws from here on
            RCLCPP_ERROR(get_logger(), "%s", error.what());
            return CallbackReturn::FAILURE;
        }
        message_.data.assign(controller_->problem().action_size, 0.0f);
        actions_ = create_publisher<Float32MultiArray>("~/action", rclcpp::SystemDefaultsQoS());
        states_ = create_subscription<Float32MultiArray>("~/state", rclcpp::SystemDefaultsQoS(),
                                                         [this](const Float32MultiArray& message) { on_state(message); });
        goals_ = create_subscription<Float32MultiArray>("~/goal", rclcpp::SystemDefaultsQoS(),
                                                        [this](const Float32MultiArray& message) { on_goal(message); });
        return CallbackReturn::SUCCESS;
    }

    CallbackReturn on_activate(const rclcpp_lifecycle::State& state) override {
        LifecycleNode::on_activate(state);
        controller_->start(1 / plan_rate_);
        const auto period = std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / control_rate_));
        timer_ = create_wall_timer(period, [this] { control(); });
        return CallbackReturn::SUCCESS;
    }

    CallbackReturn on_deactivate(const rclcpp_lifecycle::State& state) override {
        timer_->cancel();
        controller_->stop();
        message_.data = controller_->settings().safe_action;
        actions_->publish(message_);
        const mbrl_fast::Counts counts = controller_->counts();
        RCLCPP_INFO(get_logger(), "%lld actions at %.1f Hz, %lld of them safe ones; %lld plans, %lld missed their deadline",
                    counts.actions, counts.action_rate, counts.fallbacks, counts.plans, counts.missed_deadlines);
        return LifecycleNode::on_deactivate(state);
    }

    CallbackReturn on_cleanup(const rclcpp_lifecycle::State&) override {
        timer_.reset();
        states_.reset();
        goals_.reset();
        actions_.reset();
        controller_.reset();
        return CallbackReturn::SUCCESS;
    }

 private:
    // The node's callbacks share one executor thread, so sensor and control thread are the same one.
    void on_state(const Float32MultiArray& message) {
        const auto size = static_cast<std::size_t>(controller_->problem().state_size);
        if (message.data.size() != size || !controller_->measure(message.data.data()))
            RCLCPP_ERROR(get_logger(), "a state must be %zu finite numbers, and come after a goal", size);
    }

    void on_goal(const Float32MultiArray& message) {
        if (!controller_->set_input("goal", message.data.data(), message.data.size()))
            RCLCPP_ERROR(get_logger(), "a goal of %zu numbers does not fit, or is not finite", message.data.size());
    }

    void control() {
        const auto status = controller_->action_at(mbrl_fast::Controller::now(), message_.data.data());
        actions_->publish(message_);
        if (status == last_status_) return;
        static constexpr const char* names[] = {"ok", "stale: following the last plan", "safe action"};
        RCLCPP_INFO(get_logger(), "control: %s", names[static_cast<int>(status)]);
        last_status_ = status;
    }

    std::string file_;
    double control_rate_, plan_rate_, delay_;
    std::unique_ptr<mbrl_fast::Controller> controller_;
    mbrl_fast::ControlStatus last_status_ = mbrl_fast::ControlStatus::safe;
    Float32MultiArray message_;
    rclcpp_lifecycle::LifecyclePublisher<Float32MultiArray>::SharedPtr actions_;
    rclcpp::Subscription<Float32MultiArray>::SharedPtr states_, goals_;
    rclcpp::TimerBase::SharedPtr timer_;
};

int main(int count, char** words) {
    rclcpp::init(count, words);
    const auto node = std::make_shared<ControllerNode>();
    rclcpp::spin(node->get_node_base_interface());
    rclcpp::shutdown();
}
