// What the states of a run are called, in the words of the chat (`workbench/chat/messages`, `label.state`).

export const STATE_TEXTS = {
  queued: { en: "queued", ko: "대기 중" },
  running: { en: "running", ko: "실행 중" },
  cancelling: { en: "cancelling", ko: "취소하는 중" },
  cancelled: { en: "cancelled", ko: "취소됨" },
  failed: { en: "failed", ko: "실패" },
  crashed: { en: "crashed", ko: "비정상 종료" },
  completed: { en: "completed", ko: "완료" },
} as const;
