// Pages with nothing live on them.

import { startTheme } from "./theme.js";

startTheme();
