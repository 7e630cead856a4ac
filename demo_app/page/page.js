// Starts the parts of the page. Each is a module of its own, and none knows the others.

import { startNotifications } from "./notifications.js";
import { startQuestions } from "./question.js";
import { Wire } from "./wire.js";

const wire = new Wire();
startQuestions((id) => wire.show(id));
startNotifications();
