export const nothing = "registers no function";
