/** Opening: the core of `openNode`. */
import { Node } from "./node.ts";
import { type NodeOptions, settingsOf, type World } from "./options.ts";
import { startUp } from "./startup.ts";

/** Opens and starts a node over a given world: the core of `openNode`, and what the simulator calls. */
export function openNodeCore(
  options: NodeOptions,
  world: World,
  onClose?: () => Promise<void>,
): Promise<Node> {
  try {
    const settings = settingsOf(options);
    return startUp(new Node(settings, world, onClose), settings, world.observer);
  } catch (error) {
    return Promise.reject(error);
  }
}
