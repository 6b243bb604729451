#include "commands/flame_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <span>
#include <tuple>
#include <utility>

#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

constexpr double kWidth = 1200, kMargin = 10;
constexpr double kLevel = 16;  // pixels
constexpr double kHead = 44, kFoot = 34;
constexpr double kNarrow = 0.1;          // pixels below which a box is not drawn
constexpr double kCharacter = 7;         // pixels
constexpr size_t kMaxLevels = 2000;      // higher pictures are shown by no browser
constexpr size_t kMaxNodes = 1'000'000;  // some hundred bytes each
constexpr size_t kMaxName = 2'000;       // bytes; C++ has names of a hundred thousand

// Zoom and search. Boxes keep their place of the beginning in `x` and `w`.
constexpr const char* kScript = R"js(
(function () {
  "use strict";
  var svg = document.documentElement, left = 10, full = 1180;
  var found = document.getElementById("found"), reset = document.getElementById("reset");
  var boxes = Array.prototype.map.call(svg.querySelectorAll("g.b"), function (g) {
    var rect = g.querySelector("rect");
    return {g: g, rect: rect, text: g.querySelector("text"), x: +rect.getAttribute("x"), w: +rect.getAttribute("width"),
            y: +rect.getAttribute("y"), fill: rect.getAttribute("fill"),
            name: g.querySelector("title").textContent.replace(/ \([^()]*\)$/, "")};
  });
  function show(from, width) {
    boxes.forEach(function (box) {
      var scale = full / width, start = Math.max(left, left + (box.x - from) * scale);
      var end = Math.min(left + full, left + (box.x - from + box.w) * scale), wide = end - start;
      box.g.style.display = wide < 0.1 ? "none" : "";
      if (wide < 0.1) return;
      box.rect.setAttribute("x", start);
      box.rect.setAttribute("width", wide);
      var room = Math.floor((wide - 6) / 7);
      if (!box.text && room >= 3) {
        box.text = document.createElementNS("http://www.w3.org/2000/svg", "text");
        box.text.setAttribute("y", box.y + 12);
        box.g.appendChild(box.text);
      }
      if (!box.text) return;
      box.text.setAttribute("x", start + 3);
      box.text.textContent = room < 3 ? "" : box.name.length <= room ? box.name : box.name.slice(0, room - 2) + "..";
    });
    reset.style.display = width < full ? "" : "none";
  }
  function search() {
    var what = window.prompt("Functions that match (regular expression; empty: none)", "");
    if (what === null) return;
    var pattern = null, ranges = [];
    try { pattern = what ? new RegExp(what) : null; } catch (problem) { window.alert(problem); return; }
    boxes.forEach(function (box) {
      var hit = pattern && pattern.test(box.name);
      box.rect.setAttribute("fill", hit ? "rgb(220,40,220)" : box.fill);
      if (hit) ranges.push([box.x, box.x + box.w]);
    });
    ranges.sort(function (a, b) { return a[0] - b[0]; });
    var sum = 0, end = 0;
    ranges.forEach(function (range) {
      sum += Math.max(0, range[1] - Math.max(range[0], end));
      end = Math.max(end, range[1]);
    });
    found.textContent = pattern ? "found: " + (100 * sum / full).toFixed(2) + "%" : "";
  }
  boxes.forEach(function (box) {
    box.g.addEventListener("click", function () { show(box.x, box.w); });
  });
  reset.addEventListener("click", function () { show(left, full); });
  document.getElementById("search").addEventListener("click", search);
  window.addEventListener("keydown", function (event) {
    if (event.key !== "F3" && !((event.ctrlKey || event.metaKey) && event.key === "f")) return;
    event.preventDefault();
    search();
  });
})();
)js";

/// Text that XML takes: what is no UTF-8 and what controls is shown as \xNN, and two characters that XML has not are
/// gone.
std::string xml_text(std::string_view text) {
  std::string escaped = escape_text(text), result;
  for (size_t i = 0; i < escaped.size(); ++i) {
    std::string_view rest = std::string_view(escaped).substr(i);
    if (rest.starts_with("\xef\xbf\xbe") || rest.starts_with("\xef\xbf\xbf")) {  // U+FFFE, U+FFFF
      result += '?';
      i += 2;
      continue;
    }
    switch (escaped[i]) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default: result += escaped[i];
    }
  }
  return result;
}

/// The first `count` characters, not bytes.
std::string_view first_characters(std::string_view text, size_t count) {
  size_t end = 0;
  while (end < text.size() && count > 0) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
    --count;
  }
  return text.substr(0, end);
}

std::string shortened(std::string_view name, double width) {
  auto room = width < 6 ? size_t{0} : static_cast<size_t>((width - 6) / kCharacter);
  if (room < 3) return {};
  if (first_characters(name, room).size() == name.size()) return std::string(name);
  return std::string(first_characters(name, room - 2)) + "..";
}

/// The same in every picture: a hue for the kind, and of that a shade for the name.
std::string colour_of(std::string_view name, FlameFrame::Kind kind) {
  uint32_t hash = 2166136261;
  for (char character : name) hash = (hash ^ static_cast<unsigned char>(character)) * 16777619;
  unsigned shade = hash % 40, other = hash / 64 % 40;
  switch (kind) {
    case FlameFrame::Kind::kThread: return fmt::format("rgb({0},{0},{0})", 200 + shade / 2);
    case FlameFrame::Kind::kNative: return fmt::format("rgb({},{},{})", 215 + shade, 90 + 2 * other, 50 + shade / 2);
    case FlameFrame::Kind::kInlined: return fmt::format("rgb({},{},{})", 215 + shade, 195 + other, 90 + shade);
    case FlameFrame::Kind::kKernel: return fmt::format("rgb({},{},{})", 110 + shade, 160 + other, 215 + shade / 2);
    case FlameFrame::Kind::kJavaScript: return fmt::format("rgb({},{},{})", 90 + shade, 190 + other, 90 + shade);
  }
  return "rgb(200,200,200)";
}

constexpr std::pair<FlameFrame::Kind, const char*> kLegend[] = {{FlameFrame::Kind::kThread, "thread"},
                                                                {FlameFrame::Kind::kNative, "native"},
                                                                {FlameFrame::Kind::kInlined, "inlined"},
                                                                {FlameFrame::Kind::kJavaScript, "JavaScript"},
                                                                {FlameFrame::Kind::kKernel, "kernel"}};

}  // namespace

struct FlameGraph::Box {
  uint32_t node = 0;
  size_t level = 0;
  uint64_t before = 0;  ///< weight to its left
};

uint32_t FlameGraph::name_of(std::string_view name) {
  auto [known, is_new] =
      names_.try_emplace(std::string(name.substr(0, kMaxName)), static_cast<uint32_t>(names_.size()));
  if (is_new) texts_.push_back(known->first);
  return known->second;
}

void FlameGraph::begin_stack(uint64_t weight) {
  weight_ = weight;
  total_ += weight;
  at_ = 0;
}

void FlameGraph::push(FlameFrame frame) {
  uint32_t name = name_of(frame.name);
  uint64_t key = uint64_t{at_} << 32 | name << 3 | static_cast<uint32_t>(frame.kind);
  auto known = children_.find(key);
  if (known == children_.end()) {
    if (nodes_.size() >= kMaxNodes) {
      ++unkept_;
      return;
    }
    nodes_.push_back({.parent = at_, .name = name, .kind = frame.kind});
    known = children_.emplace(key, static_cast<uint32_t>(nodes_.size())).first;
  }
  at_ = known->second;
  nodes_[at_ - 1].weight += weight_;
}

/// Siblings by name, so that equal stacks give equal pictures.
std::vector<FlameGraph::Box> FlameGraph::boxes(Left& left) const {
  std::vector<uint32_t> order(nodes_.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i + 1;
  auto key = [&](uint32_t number) {
    const Node& node = nodes_[number - 1];
    return std::tuple(node.parent, texts_[node.name], node.kind);
  };
  std::ranges::sort(order, [&](uint32_t a, uint32_t b) { return key(a) < key(b); });
  auto children_of = [&](uint32_t parent) {
    auto range =
        std::ranges::equal_range(order, parent, {}, [&](uint32_t number) { return nodes_[number - 1].parent; });
    return std::span(range.begin(), range.end());
  };
  double pixels = total_ == 0 ? 0 : (kWidth - 2 * kMargin) / static_cast<double>(total_);
  std::vector<Box> drawn, waiting = {{}};
  while (!waiting.empty()) {
    Box parent = waiting.back();
    waiting.pop_back();
    uint64_t before = parent.before;
    for (uint32_t child : children_of(parent.node)) {
      Box box{.node = child, .level = parent.level + 1, .before = before};
      before += nodes_[child - 1].weight;
      bool is_narrow = static_cast<double>(nodes_[child - 1].weight) * pixels < kNarrow;
      left.narrow += is_narrow;
      left.deep += !is_narrow && box.level > kMaxLevels;
      if (!is_narrow && box.level <= kMaxLevels) drawn.push_back(box);
      waiting.push_back(box);
    }
  }
  left.narrow += unkept_;
  return drawn;
}

FlameGraph::Left FlameGraph::write(Output& output, const Labels& labels) const {
  Left left;
  std::vector<Box> drawn = boxes(left);
  size_t levels = 1;
  for (const Box& box : drawn) levels = std::max(levels, box.level);
  double height = kHead + kFoot + kLevel * static_cast<double>(levels);
  double pixels = total_ == 0 ? 0 : (kWidth - 2 * kMargin) / static_cast<double>(total_);
  auto amount = [&](uint64_t weight) {
    uint64_t divisor = std::max<uint64_t>(labels.divisor, 1);
    return fmt::format("{} {}, {:.2f}%", (weight + divisor / 2) / divisor, xml_text(labels.unit),
                       total_ == 0 ? 100.0 : 100.0 * static_cast<double>(weight) / static_cast<double>(total_));
  };
  output.print(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"Verdana, sans-serif\" font-size=\"12\">\n"
      "<style>g.b {{ cursor: pointer }} g.b:hover rect {{ stroke: black }} text {{ pointer-events: none }} "
      "text.c {{ pointer-events: auto; cursor: pointer }}</style>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"rgb(250,248,240)\"/>\n"
      "<text x=\"{2}\" y=\"24\" font-size=\"16\" text-anchor=\"middle\">{3}</text>\n"
      "<text x=\"{4}\" y=\"24\" class=\"c\" id=\"reset\" style=\"display: none\">all</text>\n"
      "<text x=\"{5}\" y=\"24\" class=\"c\" id=\"search\" text-anchor=\"end\">search</text>\n"
      "<text x=\"{5}\" y=\"{6}\" id=\"found\" text-anchor=\"end\"></text>\n",
      kWidth, height, kWidth / 2, xml_text(labels.title), kMargin, kWidth - kMargin, height - 12);
  double at = kMargin;
  for (const auto& [kind, word] : kLegend) {
    output.print("<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>\n",
                 at, height - 22, colour_of("", kind), at + 16, height - 12, word);
    at += 100;
  }
  output.print("<text x=\"{}\" y=\"{}\">{} {}</text>\n", at, height - 12,
               amount(total_).substr(0, amount(total_).find(',')), left_out_note(left));
  for (const Box& box : drawn) {
    const Node& node = nodes_[box.node - 1];
    std::string_view name = texts_[node.name];
    double x = kMargin + static_cast<double>(box.before) * pixels, width = static_cast<double>(node.weight) * pixels;
    double y = height - kFoot - kLevel * static_cast<double>(box.level);
    output.print(
        "<g class=\"b\"><title>{} ({})</title><rect x=\"{:.2f}\" y=\"{}\" width=\"{:.2f}\" height=\"{}\" rx=\"1\" "
        "fill=\"{}\"/>",
        xml_text(name), amount(node.weight), x, y, width, kLevel - 1, colour_of(name, node.kind));
    std::string text = shortened(escape_text(name), width);
    if (!text.empty()) output.print("<text x=\"{:.2f}\" y=\"{}\">{}</text>", x + 3, y + 12, xml_text(text));
    output.append("</g>\n");
    if (!output.ok()) break;
  }
  output.append("<script><![CDATA[");
  output.append(kScript);
  output.append("]]></script>\n</svg>\n");
  return left;
}

Result<FlameGraph::Left> FlameGraph::write_file(const std::string& path, const Labels& labels) const {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  Left left;
  {
    Output output([&](std::string_view block) {
      file.write(block.data(), static_cast<std::streamsize>(block.size()));
      return file.good();
    });
    left = write(output, labels);
  }
  file.close();
  if (!file) return unusable(fmt::format("cannot write {}", path));
  return left;
}

std::string left_out_note(const FlameGraph::Left& left) {
  std::string text;
  if (left.narrow > 0) text = fmt::format("{} boxes are too narrow to be drawn", left.narrow);
  if (left.deep > 0) text += fmt::format("{}{} lie above level {}", text.empty() ? "" : ", ", left.deep, kMaxLevels);
  return text;
}

OptionSpec svg_option(std::string help, std::string excludes) {
  return {.long_name = "svg",
          .kind = OptionSpec::Kind::kFile,
          .value_name = "FILE",
          .excludes = std::move(excludes),
          .help = std::move(help)};
}

void write_graph(const FlameGraph& graph, const std::string& path, const FlameGraph::Labels& labels, Report& report) {
  auto left = graph.write_file(path, labels);
  if (!left) {
    report.warn(left.error().line());
    report.incomplete = true;
    return;
  }
  std::string note = left_out_note(*left);
  uint64_t divisor = std::max<uint64_t>(labels.divisor, 1);
  report.note(fmt::format("flame graph of {} {} in {}{}", (graph.total() + divisor / 2) / divisor, labels.unit, path,
                          note.empty() ? "" : ": " + note));
}

}  // namespace inquest::commands
