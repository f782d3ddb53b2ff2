// The cluster and its queue: brought up to date every few seconds while somebody looks.

import { follow } from "./follow.js";

follow("/parts/cluster", 3000);
